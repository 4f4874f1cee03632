"""docs/correctness.md lists what the golden tests compare, with the limits that they have."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "correctness.md").read_text()


def correctness_script():
    spec = importlib.util.spec_from_file_location("correctness", ROOT / "scripts" / "correctness.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(page: str) -> list[tuple[str, str]]:
    """What is compared, and the limit; what was measured depends on the processor."""
    return [
        (cells[1], cells[3]) for cells in (row.split("|") for row in page.splitlines()) if len(cells) == 5
    ]


def test_it_names_the_versions_that_computed_the_arrays() -> None:
    versions = json.loads((ROOT / "tests" / "golden" / "versions.json").read_text())
    assert f"TensorFlow {versions['tensorflow']} and Keras {versions['keras']} on a CPU" in PAGE
    pins = (ROOT / "constraints-tensorflow.txt").read_text().splitlines()
    assert {f"tensorflow_cpu=={versions['tensorflow']}", f"keras=={versions['keras']}"} <= set(pins)


def test_numbers_have_one_digit_that_counts() -> None:
    short = correctness_script().short
    given = [0.0, 7.4e-7, 1e-5, 0.0123, 0.66, 9.0, 1000.0]
    assert [short(number) for number in given] == ["0", "7e-7", "1e-5", "0.01", "0.7", "9", "1e3"]


def test_files_it_names_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link


@pytest.mark.slow
def test_its_tables_are_what_the_golden_tests_compare() -> None:
    script = correctness_script()
    assert rows(script.with_generated_parts(PAGE, script.measure())) == rows(PAGE), "run `make correctness`"
