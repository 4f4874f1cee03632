"""A browser of this machine, for tests of pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cnnlab.errors import MissingResourceError
from cnnlab.reporting.report import find_browser


@contextmanager
def open_browser() -> Iterator[Any]:
    """Give a browser without a window; skip the test where there is none.

    Its event loop runs until it is closed, and others could start none.
    """
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    try:
        path = find_browser()
    except MissingResourceError as error:
        pytest.skip(str(error))
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
