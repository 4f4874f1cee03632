"""Pin what an environment holds below a file's own heading: `pin.py .venv/bin/python constraints.txt`."""

import itertools
import subprocess
import sys
from pathlib import Path


def main(python: str, file: str) -> None:
    freeze = [python, "-m", "pip", "freeze", "--exclude-editable"]
    lines = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout.splitlines()
    # A local version such as 2.13.0+cpu is one build of 2.13.0; the pin allows them all.
    pins = sorted((line.partition("+")[0] for line in lines), key=str.lower)
    heading = itertools.takewhile(lambda line: line.startswith("#"), Path(file).read_text().splitlines())
    Path(file).write_text("\n".join([*heading, *pins]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
