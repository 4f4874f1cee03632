"""The report: facts from run folders, words in two languages, and the forms it takes."""

from cnnlab.reporting.report.deck import import_pptx
from cnnlab.reporting.report.extras import (
    Cover,
    DataExtras,
    Extras,
    Latency,
    NetworkExtras,
    ShownMistake,
    Temperature,
)
from cnnlab.reporting.report.facts import Facts, NetworkFacts
from cnnlab.reporting.report.gather import gather
from cnnlab.reporting.report.markdown import markdown_report
from cnnlab.reporting.report.page import html_report
from cnnlab.reporting.report.pdf import find_browser, print_to_pdf
from cnnlab.reporting.report.shape import network_diagram
from cnnlab.reporting.report.slides import slides_report

__all__ = [
    "Cover",
    "DataExtras",
    "Extras",
    "Facts",
    "Latency",
    "NetworkExtras",
    "NetworkFacts",
    "ShownMistake",
    "Temperature",
    "find_browser",
    "gather",
    "html_report",
    "import_pptx",
    "markdown_report",
    "network_diagram",
    "print_to_pdf",
    "slides_report",
]
