"""The files of the page: small, whole, from nowhere else; the runtime pinned."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cnnlab.errors import MissingResourceError
from cnnlab.page import RUNTIME, SECURITY, files, needed_runtime, page_files

PINNED = Path(__file__).parents[2] / "page-runtime"
CHECK = """
import { readFileSync } from "node:fs";
import { SourceTextModule } from "node:vm";
for (const identifier of process.argv.slice(1))
  new SourceTextModule(readFileSync(identifier, "utf8"), { identifier });
"""


def test_programs_are_small_and_say_what_they_are_for():
    programs = sorted(files.WEB.rglob("*.js"))
    assert len(programs) > 10
    for path in programs:
        lines = path.read_text().splitlines()
        assert lines[0].startswith("// ") and len(lines) <= 250, path.name


def test_programs_are_valid():
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    programs = map(str, sorted(files.WEB.rglob("*.js")))
    options = ["--no-warnings", "--experimental-vm-modules", "--input-type=module", "--eval", CHECK]
    done = subprocess.run([node, *options, *programs], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nothing_is_loaded_from_elsewhere():
    for name, content in page_files().items():
        addresses = set(re.findall(rb"https?://[^\s\"'<>]+", content))
        assert addresses <= {b"http://www.w3.org/2000/svg"}, name
    policy = SECURITY["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe-inline" not in policy
    assert " 'unsafe-eval'" not in policy and "http" not in policy and "*" not in policy


def test_the_page_has_its_policy_itself_and_no_style_or_program_in_it():
    page = page_files()["index.html"].decode()
    assert "default-src 'none'; script-src 'self'" in page and "{policy}" not in page
    assert "<style" not in page and " style=" not in page and " on" not in re.sub(r">[^<]*<", "><", page)
    assert re.findall(r"<script[^>]*>", page) == ['<script type="module" src="page/main.js">']


def test_the_runtime_is_pinned_with_its_sum():
    wanted = json.loads((PINNED / "package.json").read_text())["dependencies"]["onnxruntime-web"]
    locked = json.loads((PINNED / "package-lock.json").read_text())["packages"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", wanted)
    assert locked["node_modules/onnxruntime-web"]["version"] == wanted
    assert all(entry["integrity"].startswith("sha512-") for name, entry in locked.items() if name)


def test_without_the_runtime_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "RUNTIME_FOLDER", tmp_path)
    with pytest.raises(
        MissingResourceError, match=r"^--format web: needs ONNX Runtime Web.*make page-runtime$"
    ):
        needed_runtime("--format web")
    for name in RUNTIME:
        (tmp_path / name).write_bytes(b"")
    assert len(needed_runtime("--format web")) == len(RUNTIME)
