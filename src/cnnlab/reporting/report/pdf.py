"""The report's page printed to PDF by a browser, where there is one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cnnlab.errors import MissingResourceError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
ON_MACOS = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
ON_WINDOWS = (
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
SECONDS = 120


def find_browser() -> str:
    """Return the path of a browser that prints.

    Raises:
        MissingResourceError: there is none.
    """
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    if found := next((path for path in _usual_places() if path.is_file()), None):
        return str(found)
    raise MissingResourceError(
        "PDF: is printed by Chromium, Chrome or Edge, none of which is here. Install one (on Debian: "
        "apt install chromium), or open the HTML report and print it."
    )


def _usual_places() -> Iterator[Path]:
    """Give where browsers are installed that are not on PATH, on macOS and Windows."""
    for folder in (Path("/Applications"), Path.home() / "Applications"):
        yield from (folder / name for name in ON_MACOS)
    for variable in WINDOWS_FOLDERS:
        if folder := os.environ.get(variable):
            yield from (Path(folder) / name for name in ON_WINDOWS)


def print_to_pdf(page: Path) -> bytes:
    """Return a page as PDF; A4, by the page's own style for paper.

    Args:
        page: an HTML file.

    Raises:
        MissingResourceError: there is no browser, or it failed.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="cnnlab-") as place:
        out = Path(place) / "report.pdf"
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # it is given one file of our own, and root has no sandbox
            "--disable-gpu",
            f"--user-data-dir={place}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={out}",
            page.resolve().as_uri(),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
            content, why = out.read_bytes(), "what it wrote is no whole PDF"
        except (OSError, subprocess.SubprocessError) as error:
            content, why = b"", _in_words(error)
    if content.startswith(b"%PDF") and b"%%EOF" in content[-1024:]:
        return content
    raise MissingResourceError(
        f"PDF: {browser} did not print the report: {why}. Write it with --format html, open it in a browser, "
        "and print it there."
    )


def _in_words(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took more than {SECONDS} s"
    if isinstance(error, subprocess.CalledProcessError):
        return f"it ended with exit code {error.returncode}"
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
