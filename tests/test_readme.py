"""README.md tells the truth: its commands run, its tables are the generated ones, its paths exist."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def readme_script():
    if str(ROOT / "scripts") not in sys.path:  # it imports its neighbours
        sys.path.append(str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("readme", ROOT / "scripts" / "readme.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_the_generated_ones():
    # In a process of its own: in this one other tests may have registered networks
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import readme; from pathlib import Path;"
    )
    script += "text = Path('README.md').read_text(); sys.exit(readme.with_generated_parts(text) != text)"
    made = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, f"run `make figures-table`\n{made.stderr}"


@pytest.mark.timeout(1500)  # a minute alone; many times that on a machine with other work
def test_tour_runs_in_an_empty_folder(tmp_path):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    commands = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    assert len(commands) >= 5
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    script = "set -euo pipefail\n" + "\n".join(commands)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "comparison.md").exists()
    assert "two.png: 2 " in done.stdout


def test_tour_shows_output():
    printed = re.findall(r"```sh\n.*?```\n\n```text\n(.*?)```", TEXT, re.DOTALL)
    assert printed and all(block.strip() for block in printed), "run `python scripts/readme.py --tour`"


def test_python_example_runs(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0.9 < float(done.stdout.splitlines()[0]) <= 1


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make ([a-z-]+)", TEXT, re.MULTILINE))))
def test_make_targets_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_linked_files_and_rooms_exist():
    for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / link).exists(), link
    tree = TEXT.split("src/cnnlab/\n", 1)[1].split("tests/", 1)[0]
    for room in re.findall(r"^  (\w+)/", tree, re.MULTILINE):
        assert (ROOT / "src" / "cnnlab" / room).is_dir(), room
