"""The small page beside the pictures of an explained run."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

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


def explain_page(title: str, facts: Sequence[str], pictures: Sequence[Shown], *, text: Text) -> str:
    """Return the page, which needs nothing but the PNG and SVG files beside it; `text` says its language."""
    figures = "\n".join(
        f"<section><h2>{escape(shown.heading)}</h2>\n"
        f'<figure><a href="{shown.stem}.svg"><img src="{shown.stem}.png" alt="{escape(shown.alt)}"></a>\n'
        f"<figcaption>{escape(shown.caption)}</figcaption></figure></section>"
        for shown in pictures
    )
    lines = "\n".join(f"<p>{escape(fact)}</p>" for fact in facts)
    return (
        f'<!doctype html>\n<html lang="{text.html_lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{lines}\n{figures}\n</body>\n</html>\n"
    )
