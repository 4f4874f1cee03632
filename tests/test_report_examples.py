"""The reports in examples/ come out of one command each."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from real_data import find_real_data

ROOT = Path(__file__).parents[1]
SCRIPTS_FIRST = {"alexnets-on-mnist": "resnet20", "fashion-mnist": "lenet5"}
SCRIPTS = {"alexnets-on-mnist": "mnist", "fashion-mnist": "fashion-mnist"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_readme_of_examples_names_every_script(name):
    assert f"`sh examples/{name}.sh`" in (ROOT / "examples" / "README.md").read_text()
    assert f"sh examples/{name}.sh" in (ROOT / "Makefile").read_text()
    assert {path.stem for path in (ROOT / "examples").glob("*.sh")} == set(SCRIPTS)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "data"), SCRIPTS.items())
def test_a_script_trains_and_writes_its_report(name, data, tmp_path):
    root = find_real_data(data)
    place = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "OUT": str(tmp_path / "out"), "PATH": place, "CNNLAB_DATA_ROOT": str(root)}
    # Runs of another length in the same folder are other runs, and not in the report.
    for steps in ("2", "3"):
        command = ["sh", f"examples/{name}.sh", "--steps", steps, "--threads", "1"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"report.{lang}.{form}" for lang in ("en", "zh") for form in ("html", "pptx")} <= written
    first = SCRIPTS_FIRST[name]
    page = (tmp_path / "out" / "report.en.html").read_text()
    assert f"each with the first one, {first}" in page and "run folders: 9." in page
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 18
    assert all((tmp_path / "out" / f"report.{lang}.html").stat().st_size < 6_000_000 for lang in ("en", "zh"))
