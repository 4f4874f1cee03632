"""The report as PDF, slides and Markdown: each is whole, fits, and speaks its language."""

import html
import io
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pptx import Presentation
from pptx.oxml.ns import qn

from cnnlab import lab
from cnnlab.errors import MissingResourceError
from cnnlab.lab.report_network import Findings
from cnnlab.reporting import Text, chinese_font
from cnnlab.reporting.report import (
    Cover,
    Extras,
    NetworkExtras,
    find_browser,
    gather,
    slides_report,
)
from cnnlab.runs import RunFolder
from slide_geometry import FOOT, assert_all_fits, texts_of


@pytest.fixture(scope="module")
def made(report_runs, tmp_path_factory):
    """Both languages' slides and Markdown."""
    out = tmp_path_factory.mktemp("forms")
    lab.report(report_runs, out=out, lang=["en", "zh"], formats=["pptx", "md"], author="A. Student")
    return out


def long_deck(report_runs, lang):
    """Return slides of three networks with long names, unfinished runs among them: the fullest there are."""
    facts = gather([RunFolder.open(run) for run in report_runs], command="cnnlab report " + "a" * 100)
    long = [f"a_network_with_a_very_long_name_{number}" for number in range(3)]
    networks = [facts.networks[0], facts.networks[1], facts.networks[1]]
    results = facts.comparison.networks
    comparison = replace(
        facts.comparison,
        networks=tuple(
            replace(one, name=name)
            for one, name in zip((results[0], results[1], results[1]), long, strict=True)
        ),
    )
    facts = replace(
        facts,
        comparison=comparison,
        networks=tuple(replace(one, name=name) for one, name in zip(networks, long, strict=True)),
        unfinished=tuple((folder, 1, 2) for network in facts.networks for folder in network.folders) * 3,
    )
    return Presentation(io.BytesIO(slides_report(facts, Extras(), Cover(), Text(lang))))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_slides_are_eight_to_twelve_and_nothing_overflows(made, report_runs, lang):
    for deck in (Presentation(str(made / f"report.{lang}.pptx")), long_deck(report_runs, lang)):
        assert 10 <= len(deck.slides) <= 12
        assert_all_fits(deck)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_slides_have_titles_native_tables_and_charts_and_words_for_pictures(made, lang):
    deck = Presentation(str(made / f"report.{lang}.pptx"))
    assert all(slide.shapes.title is not None and slide.shapes.title.text for slide in deck.slides)
    shapes = [shape for slide in deck.slides for shape in slide.shapes]
    assert sum(shape.has_table for shape in shapes) >= 5 and sum(shape.has_chart for shape in shapes) == 2
    pictures = [shape for shape in shapes if shape._element.tag == qn("p:pic")]
    assert len(pictures) >= 4
    assert all(len(shape._element.nvPicPr.cNvPr.get("descr", "")) > 10 for shape in pictures)


def test_chinese_slides_name_a_font_for_chinese_letters(made):
    deck = Presentation(str(made / "report.zh.pptx"))
    chinese = 0
    for slide in deck.slides:
        for run in slide._element.iter(qn("a:r")):
            if any("\u4e00" <= letter <= "\u9fff" for letter in run.findtext(qn("a:t"))):
                east = run.find(f"{qn('a:rPr')}/{qn('a:ea')}")
                assert east is not None and east.get("typeface") == "Microsoft YaHei"
                chinese += 1
    assert chinese > 50


def test_slides_say_what_the_page_says(made, report_runs):
    words = "\n".join(frame.text for _, _, frame in texts_of(Presentation(str(made / "report.en.pptx"))))
    facts = gather([RunFolder.open(run) for run in report_runs])
    for network in facts.networks:
        assert network.shape and f"{network.shape.layers.parameters:,} parameters" in words
    assert "A. Student" in words and "In short" not in words and "Conclusion" in words


def test_a_page_is_made_only_for_forms_that_need_one(report_runs, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a page was made")

    monkeypatch.setattr(sys.modules[lab.report.__module__], "html_report", refuse)
    monkeypatch.setattr(
        sys.modules[lab.report.__module__], "look_into", lambda *_, **__: Findings(NetworkExtras())
    )
    lab.report(report_runs[:1], out=tmp_path, formats=["md", "pptx"])
    with pytest.raises(AssertionError, match="a page was made"):
        lab.report(report_runs[:1], out=tmp_path, formats=["html"])


@pytest.mark.parametrize("lang", ["en", pytest.param("zh", marks=pytest.mark.slow)])
def test_pdf_is_printed(report_runs, tmp_path, lang):
    try:
        find_browser()
    except MissingResourceError as error:
        pytest.skip(str(error))
    if lang == "zh" and chinese_font() is None:
        pytest.skip("no font with Chinese letters here")
    runs = [report_runs[0], report_runs[3]]
    (path,) = lab.report(runs, out=tmp_path, lang=lang, formats=["pdf"])
    content = path.read_bytes()
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF") and len(content) > 50_000
    if shutil.which("pdftotext"):
        told = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, check=True).stdout.decode()
        assert Text(lang)("sections.threats") in told
        assert "features.conv1" in told  # the table of layers is open on paper
        if lang == "en":
            thin = [(word, size) for word, size in type_sizes(path) if size < 6.0]
            assert not thin, thin
    if shutil.which("pdftoppm"):
        *pages, _ = filled(path, tmp_path)
        assert 5 <= len(pages) <= 12 and min(pages) > 0.5, pages  # pictures leave no page half empty


def type_sizes(path):
    """Return each word of a PDF with the size of its letters in points, as far as its box tells it.

    A box is as high as DejaVu Sans, which these pages have here, goes above and below its line; a word that
    is turned is as wide as that, and of one of two letters it cannot be told whether it is.
    """
    told = subprocess.run(["pdftotext", "-bbox", str(path), "-"], capture_output=True, check=True).stdout
    place = r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">([^<]*)<'
    for *corners, word in re.findall(place, told.decode()):
        left, top, right, low = map(float, corners)
        thinnest = min if len(html.unescape(word)) > 2 else max
        yield word, thinnest(right - left, low - top) / 1.164


def filled(path, folder):
    """Return down to which share of its height each page of a PDF is printed on."""
    subprocess.run(["pdftoppm", "-r", "20", "-gray", str(path), str(folder / "page")], check=True)
    shares = []
    for page in sorted(folder.glob("page-*.pgm")):
        pixels = np.asarray(Image.open(page))
        shares.append(float(np.flatnonzero((pixels < 200).any(1)).max()) / len(pixels))
    return shares


def test_without_a_browser_the_way_to_one_is_told(report_runs, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingResourceError, match=r"PDF: is printed by Chromium.*apt install chromium"):
        lab.report(report_runs[:1], out=tmp_path, formats=["pdf"])


def test_without_a_browser_all_else_is_written(report_runs, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[lab.report.__module__], "find_browser", _no_browser)
    monkeypatch.setattr(
        sys.modules[lab.report.__module__], "look_into", lambda *_, **__: Findings(NetworkExtras())
    )
    with pytest.raises(MissingResourceError, match=rf"PDF: none here\. The other files are in {tmp_path}\."):
        lab.report(report_runs[:1], out=tmp_path, lang=["en", "zh"], formats=["pdf", "html", "pptx", "md"])
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {f"report.{lang}.{form}" for lang in ("en", "zh") for form in ("html", "pptx", "md")}


def _no_browser():
    raise MissingResourceError("PDF: none here.")


@pytest.mark.slow
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_libreoffice_opens_the_slides_and_keeps_words_in_their_boxes(made, tmp_path, lang):
    office = shutil.which("soffice")
    if office is None or shutil.which("pdftotext") is None:
        pytest.skip("needs LibreOffice and pdftotext: apt install libreoffice-impress poppler-utils")
    source = made / f"report.{lang}.pptx"
    command = [office, "--headless", f"-env:UserInstallation=file://{tmp_path}/office", "--convert-to", "pdf"]
    subprocess.run([*command, "--outdir", str(tmp_path), str(source)], capture_output=True, check=True)
    told = subprocess.run(
        ["pdftotext", "-bbox", str(tmp_path / f"report.{lang}.pdf"), "-"], capture_output=True, check=True
    ).stdout.decode()
    pages = re.findall(r'<page width="([\d.]+)" height="([\d.]+)">(.*?)</page>', told, re.DOTALL)
    assert len(pages) == len(Presentation(str(source)).slides)
    title = Presentation(str(source)).slides[0].shapes.title.text
    for width, height, words in pages:
        scale = float(height) / 7.5
        for left, right, low, word in re.findall(
            r'xMin="([\d.-]+)" yMin="[\d.-]+" xMax="([\d.-]+)" yMax="([\d.-]+)">([^<]*)<', words
        ):
            assert float(left) >= 0 and float(right) <= float(width), word
            is_foot = word in title or word.isdigit()
            assert float(low) <= FOOT * scale or is_foot, word
