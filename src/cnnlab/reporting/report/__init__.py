"""The report: facts from run folders, words in two languages, and the forms it takes."""

from cnnlab.reporting.report.extras import Cover, Extras, NetworkExtras, ShownMistake, Temperature
from cnnlab.reporting.report.facts import Facts, NetworkFacts
from cnnlab.reporting.report.gather import gather
from cnnlab.reporting.report.markdown import markdown_report
from cnnlab.reporting.report.page import html_report
from cnnlab.reporting.report.pdf import find_browser, print_to_pdf
from cnnlab.reporting.report.slides import slides_report
from cnnlab.reporting.report.text import LANGUAGES, Text

__all__ = [
    "LANGUAGES",
    "Cover",
    "Extras",
    "Facts",
    "NetworkExtras",
    "NetworkFacts",
    "ShownMistake",
    "Temperature",
    "Text",
    "find_browser",
    "gather",
    "html_report",
    "markdown_report",
    "print_to_pdf",
    "slides_report",
]
