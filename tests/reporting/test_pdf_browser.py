"""Where a browser that prints is looked for."""

import sys

import pytest

from cnnlab.errors import MissingResourceError
from cnnlab.reporting.report import find_browser, pdf


@pytest.fixture
def nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in pdf.WINDOWS_FOLDERS:
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def made(path):
    path.parent.mkdir(parents=True)
    path.write_text("")
    return str(path)


def test_none_is_told(nothing):
    with pytest.raises(MissingResourceError, match="apt install chromium"):
        find_browser()


def test_one_that_is_not_on_path(nothing, monkeypatch):
    edge = made(nothing / "Programs" / "Microsoft/Edge/Application/msedge.exe")
    monkeypatch.setenv("PROGRAMFILES(X86)", str(nothing / "Programs"))
    assert find_browser() == edge
    chrome = made(nothing / "home/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    assert find_browser() == chrome
    on_path = nothing / "empty" / "chromium"
    made(on_path)
    on_path.chmod(0o755)
    assert find_browser() == str(on_path)


@pytest.mark.skipif(sys.platform == "win32", reason="the browser here is a shell script")
@pytest.mark.parametrize(
    ("writes", "why"),
    [
        ("printf ''", "what it wrote is no whole PDF"),
        ("printf 'junk'", "what it wrote is no whole PDF"),
        ("printf '%%PDF-1.4 cut'", "what it wrote is no whole PDF"),
        ("exit 7; printf ''", "it ended with exit code 7"),
    ],
)
def test_what_is_no_pdf_is_not_taken_for_one(tmp_path, monkeypatch, writes, why):
    script = tmp_path / "chromium"
    loop = 'for a in "$@"; do case $a in --print-to-pdf=*) out=${a#--print-to-pdf=};; esac; done'
    script.write_text(f'#!/bin/sh\n{loop}\n({writes}) > "$out" || exit $?\n')
    script.chmod(0o755)
    monkeypatch.setattr(pdf, "find_browser", lambda: str(script))
    (tmp_path / "page.html").write_text("<p>")
    with pytest.raises(MissingResourceError, match=rf"did not print the report: {why}\. Write it with --fo"):
        pdf.print_to_pdf(tmp_path / "page.html")
