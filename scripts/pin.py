"""Write constraints.txt from what a Python environment holds: `python scripts/pin.py .venv/bin/python`."""

import subprocess
import sys
from pathlib import Path

HEADER = """\
# The exact versions that cnnlab is tested with; pyproject.toml says which ranges it supports.
# Used as `pip install --constraint constraints.txt --editable '.[dev]'`. torch is pinned exactly: what
# runs is what was tested, and a CPU build of this very version, where one is at hand, is not passed over.
# Made anew by `make constraints`.
"""


def main(python: str) -> None:
    freeze = [python, "-m", "pip", "freeze", "--exclude-editable"]
    lines = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout.splitlines()
    # A local version such as 2.13.0+cpu is one build of 2.13.0; the pin allows them all.
    pins = sorted((line.partition("+")[0] for line in lines), key=str.lower)
    Path("constraints.txt").write_text(HEADER + "\n".join(pins) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
