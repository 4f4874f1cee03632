"""Where a browser that prints is looked for."""

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
