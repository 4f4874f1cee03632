"""The report's page printed to PDF by a browser, where there is one."""

import shutil
import subprocess
import tempfile
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
SECONDS = 120


def find_browser() -> str:
    """Return the path of a browser that prints.

    Raises:
        MissingResourceError: there is none.
    """
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise MissingResourceError(
        "PDF: is printed by Chromium or Chrome, which is not on this machine. Install it (on Debian: "
        "apt install chromium), or open the HTML report and print it."
    )


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
            return out.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise MissingResourceError(
                f"PDF: {browser} did not print {page}: {error}. Open the HTML report and print it."
            ) from None
