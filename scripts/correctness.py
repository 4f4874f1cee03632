"""Write the tables of docs/correctness.md: run the golden tests and note the differences that they find."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch

from cnnlab.machine import cpu_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "correctness.md"
GOLDEN = ROOT / "tests" / "golden"

Findings = dict[str, dict[str, dict[str, tuple[float, Any]]]]
"""By kind (`agree` or `differ`), by what is compared, by quantity: the largest difference and its limits."""


def measure() -> Findings:
    """Run the golden tests and return what they left in pytest's report; where one fails, stop."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", str(GOLDEN), f"--junit-xml={report}"]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode:
            sys.exit("The golden tests fail: docs/correctness.md stays as it was.")
        found: Findings = {"agree": {}, "differ": {}}
        for entry in ElementTree.parse(report).iter("property"):
            subject, difference, limits = json.loads(entry.attrib["value"])
            what, _, quantity = subject.partition(": ")
            quantities = found[entry.attrib["name"]].setdefault(what, {})
            largest, _ = quantities.get(quantity, (0.0, limits))
            quantities[quantity] = max(largest, difference), limits
    return found


def agreeing(found: Findings) -> str:
    lines = ["| compared with TensorFlow | largest difference | allowed |", "|---|---|---|"]
    for what, quantities in found["agree"].items():
        measured = ", ".join(f"{name} {short(largest)}" for name, (largest, _) in quantities.items())
        allowed = sorted({within for _, within in quantities.values()})
        lines.append(f"| {what} | {measured} | {', '.join(map(short, allowed))} |")
    return "\n".join(lines)


def differing(found: Findings) -> str:
    lines = ["| what differs | by | the test demands |", "|---|--:|---|"]
    for what, quantities in found["differ"].items():
        for quantity, (largest, (low, high)) in quantities.items():
            lines.append(f"| {what}: {quantity} | {short(largest)} | {short(low)} to {short(high)} |")
    return "\n".join(lines)


def measured_with() -> str:
    versions = json.loads((GOLDEN / "versions.json").read_text())
    theirs = f"TensorFlow {versions['tensorflow']} and Keras {versions['keras']} on a CPU"
    return f"Theirs: {theirs}. Ours: torch {torch.__version__}, float32, one thread, {cpu_name()}."


def short(number: float) -> str:
    """Return a number with one digit that counts, such as 8e-7."""
    if number == 0 or 0.001 <= number < 1000:
        return f"{number:.1g}"
    return re.sub(r"e([+-])0", r"e\1", f"{number:.0e}").replace("e+", "e")


def with_generated_parts(page: str, found: Findings) -> str:
    parts = {"versions": measured_with(), "agree": agreeing(found), "differ": differing(found)}
    for name, text in parts.items():
        block = re.compile(rf"(<!-- begin {name}.*?-->\n).*?(<!-- end {name} -->)", re.DOTALL)
        place = block.search(page)
        assert place, f"{PAGE.name} has no place for {name}"
        page = page.replace(place[0], f"{place[1]}\n{text}\n\n{place[2]}")
    return page


if __name__ == "__main__":
    PAGE.write_text(with_generated_parts(PAGE.read_text(), measure()))
