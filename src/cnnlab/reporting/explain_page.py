"""The small page beside the pictures of an explained run, with the table of its layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cnnlab.models import LayerTable
from cnnlab.reporting.text import Text

STYLE = """
:root { color-scheme: light dark; }
body { font-family: system-ui, sans-serif; line-height: 1.45; }
body:lang(zh-Hans) { line-height: 1.7; }
body:lang(zh-Hans) { font-family: "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", "PingFang SC"; }
body { max-width: 62rem; margin: 0 auto; padding: 1rem; }
figure { margin: 0 0 2rem; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
figcaption { margin-top: .4rem; }
details { margin-bottom: 2rem; }
summary { cursor: pointer; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem; text-align: right; font-weight: normal; border-bottom: 1px solid #8886; }
thead th { font-weight: bold; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
""".strip()


@dataclass(frozen=True)
class Shown:
    """One picture on the page.

    Attributes:
        stem: of its two files, without the ending.
        heading: what it is.
        caption: how to read it.
        alt: what it shows, for those who cannot see it.
    """

    stem: str
    heading: str
    caption: str
    alt: str


def explain_page(
    title: str,
    facts: Sequence[str],
    pictures: Sequence[Shown],
    layers: tuple[str, LayerTable],
    *,
    text: Text,
) -> str:
    """Return the page, which needs nothing but the PNG and SVG files beside it.

    Args:
        title: what ran.
        facts: sentences below it.
        pictures: the first is the diagram of the network.
        layers: the network's name, and its layers.
        text: the language.
    """
    figures = [
        f"<section><h2>{escape(shown.heading)}</h2>\n"
        f'<figure><a href="{shown.stem}.svg"><img src="{shown.stem}.png" alt="{escape(shown.alt)}"></a>\n'
        f"<figcaption>{escape(shown.caption)}</figcaption></figure></section>"
        for shown in pictures
    ]
    body = "\n".join([*figures[:1], _layers(*layers, text), *figures[1:]])  # the diagram's layers, in numbers
    lines = "\n".join(f"<p>{escape(fact)}</p>" for fact in facts)
    return (
        f'<!doctype html>\n<html lang="{text.html_lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{lines}\n{body}\n</body>\n</html>\n"
    )


def _layers(network: str, layers: LayerTable, text: Text) -> str:
    columns = ("layer", "kind", "output", "parameters", "macs")
    header = "".join(f'<th scope="col">{escape(text(f"networks.{column}"))}</th>' for column in columns)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(row.name)}</th><td>{escape(row.kind)}</td>'
        f"<td>{' x '.join(map(str, row.output_shape))}</td>"
        f"<td>{_count(row.parameters)}</td><td>{_count(row.macs)}</td></tr>"
        for row in layers.rows
    )
    return (
        f"<details><summary>{escape(text('networks.layers', network=network))}</summary>\n"
        f'<div class="wide" tabindex="0"><table><thead><tr>{header}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div></details>"
    )


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
