"""Reporting: pictures of a run, and tables of a comparison."""

from cnnlab.reporting.answers import Block, answers_picture, shown_prob
from cnnlab.reporting.attributions import Attribution, attributions_picture
from cnnlab.reporting.canvas import Picture, drawable_text, run_title
from cnnlab.reporting.class_samples import class_samples
from cnnlab.reporting.confusion import confusion_picture
from cnnlab.reporting.diagram import PAPER, SLIDE, diagram
from cnnlab.reporting.explain_page import Shown, explain_page
from cnnlab.reporting.fonts import NO_FONT, chinese_font
from cnnlab.reporting.fonts import REMEDY as FONT_REMEDY
from cnnlab.reporting.grid import Table, escape_markdown, table_markdown, table_text
from cnnlab.reporting.image_map import image_map
from cnnlab.reporting.inside import activations_picture, first_filters_picture
from cnnlab.reporting.lr_curve import lr_curve
from cnnlab.reporting.pictures import FILTERS, RESTORED, write_curves, write_pretraining, write_samples
from cnnlab.reporting.tables import (
    comparison_notes,
    comparison_rows,
    read_comparison,
    short_commit,
    to_csv,
    to_markdown,
    to_text,
    write_comparison,
)
from cnnlab.reporting.text import ENGLISH, LANGUAGES, Text

__all__ = [
    "ENGLISH",
    "FILTERS",
    "FONT_REMEDY",
    "LANGUAGES",
    "NO_FONT",
    "PAPER",
    "RESTORED",
    "SLIDE",
    "Attribution",
    "Block",
    "Picture",
    "Shown",
    "Table",
    "Text",
    "activations_picture",
    "answers_picture",
    "attributions_picture",
    "chinese_font",
    "class_samples",
    "comparison_notes",
    "comparison_rows",
    "confusion_picture",
    "diagram",
    "drawable_text",
    "escape_markdown",
    "explain_page",
    "first_filters_picture",
    "image_map",
    "lr_curve",
    "read_comparison",
    "run_title",
    "short_commit",
    "shown_prob",
    "table_markdown",
    "table_text",
    "to_csv",
    "to_markdown",
    "to_text",
    "write_comparison",
    "write_curves",
    "write_pretraining",
    "write_samples",
]
