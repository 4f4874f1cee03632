"""Dockerfile, systemd unit and docs/deploy.md agree with the command they start, as far as reading tells."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from cnnlab.cli.app import app
from cnnlab.serving.limits import Limits

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "deploy" / "cnnlab-serve.service"
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines_of(path):
    """Return what a file says without its comments, lines that go on joined."""
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [line for line in "\n".join(kept).replace("\\\n", " ").splitlines() if line.strip()]


def instructions():
    return [tuple(line.split(None, 1)) for line in lines_of(ROOT / "Dockerfile")]


def last_stage():
    """Return the instructions of the image itself."""
    found = instructions()
    return found[max(at for at, (name, _) in enumerate(found) if name == "FROM") :]


def only(name, among):
    (found,) = [value for key, value in among if key == name]
    return found


def serve_options():
    command = typer.main.get_command(app).commands["serve"]  # pyright: ignore[reportAttributeAccessIssue]
    return {name: option for option in command.params for name in option.opts}


def names_in(path):
    return [canonicalize_name(line) for line in lines_of(path)]


def unit():
    """Return the settings of the unit, as lists: some are given more than once."""
    settings = {}
    for line in lines_of(UNIT):
        if not line.startswith("["):
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


def test_what_the_image_copies_is_there_and_gets_through():
    let_through = [line[1:] for line in lines_of(ROOT / ".dockerignore") if line.startswith("!")]
    copied = []
    for name, rest in instructions():
        if name == "COPY" and "--from=" not in rest:
            copied += rest.split()[:-1]
    assert copied and set(copied) == set(let_through)
    assert all((ROOT / path).exists() for path in copied)
    assert lines_of(ROOT / ".dockerignore")[0] == "*"


def test_the_image_runs_the_server_as_nobody():
    image = last_stage()
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", only("USER", image))
    program, command, *options = json.loads(only("ENTRYPOINT", image))
    assert (program, command) == ("cnnlab", "serve") and set(options[::2]) <= serve_options().keys()
    port = dict(zip(options[::2], options[1::2], strict=True))["--port"]
    assert port == only("EXPOSE", image) == str(serve_options()["--port"].default)
    assert not any(name in ("ADD", "RUN") for name, _ in image)  # pip and the source stay in the other stage
    assert "ORT_DISABLE_TELEMETRY=1" in only("ENV", image)


def test_the_image_asks_whether_it_is_ready():
    probe = only("HEALTHCHECK", last_stage())
    program, flag, code = json.loads(probe.partition(" CMD ")[2])
    assert (program, flag) == ("python", "-c")
    compile(code, "probe", "exec")
    assert "http://127.0.0.1:8000/readyz" in code
    routes = "".join(path.read_text() for path in (ROOT / "src/cnnlab/serving").glob("*.py"))
    assert '"/readyz"' in routes and '"/healthz"' in routes


def test_the_image_has_a_python_that_is_supported():
    python = only("ARG", [one for one in instructions() if one[1].startswith("PYTHON=")]).partition("=")[2]
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0")
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]


def needed_by(names):
    """Return packages with all that they bring, as they are installed here."""
    found, left = set(), list(names)
    while left:
        name = canonicalize_name(left.pop())
        if name not in found:
            found.add(name)
            wanted = [Requirement(line) for line in requires(name) or []]
            left += [one.name for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})]
    return found


def test_the_packages_of_the_image_are_pinned_and_bring_no_torch():
    listed = names_in(ROOT / "deploy" / "requirements.txt")
    extra = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["serve"]}
    core = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert listed == sorted(listed) and extra <= set(listed) <= extra | core
    pinned = {canonicalize_name(line.split("==")[0]) for line in lines_of(ROOT / "constraints.txt")}
    brought = needed_by(listed)
    assert brought <= pinned
    assert not brought & {"torch", "scikit-learn", "matplotlib", "onnx"}
    installs = [rest for name, rest in instructions() if name == "RUN" and "requirements.txt" in rest]
    assert len(installs) == 1 and "--constraint constraints.txt" in installs[0]


WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in LACKING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Without())
import cnnlab.cli.app, cnnlab.cli.serve, cnnlab.serving.server, cnnlab.serving.sources
import cnnlab.pictures.digit, onnxruntime, scipy.ndimage
print(*sorted(sys.modules))
"""


def test_the_server_starts_with_the_packages_of_the_image():
    there = needed_by(names_in(ROOT / "deploy" / "requirements.txt")) | {"cnnlab"}
    lacking = {
        module
        for module, packages in packages_distributions().items()
        if not there & {canonicalize_name(package) for package in packages}
    }
    assert {"torch", "matplotlib", "sklearn"} <= lacking and not lacking & {"numpy", "onnxruntime", "cnnlab"}
    script = WITHOUT.replace("LACKING", repr(lacking))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cnnlab.serving.app" in done.stdout.split()


def test_the_unit_starts_the_server_for_this_machine():
    settings = unit()
    (start,) = settings["ExecStart"]
    program, command, *rest = shlex.split(start)
    assert program.endswith("/bin/cnnlab") and command == "serve" and rest[-1] == "$NETWORKS"
    options = dict(zip(rest[:-1:2], rest[1:-1:2], strict=True))
    assert options.keys() <= serve_options().keys()
    assert (options["--host"], options["--port"]) == ("127.0.0.1", "8000")
    (credential,) = settings["LoadCredential"]
    assert options["--token-file"] == "${CREDENTIALS_DIRECTORY}/" + credential.partition(":")[0]
    assert re.search(r"^NETWORKS=/\S+\.onnx$", (ROOT / "deploy" / "serve.env").read_text(), re.MULTILINE)
    assert int(settings["TimeoutStopSec"][0]) > Limits().stop_seconds
    assert "ORT_DISABLE_TELEMETRY=1" in settings["Environment"][0]


def test_the_unit_leaves_little_room():
    settings = unit()
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "MemoryDenyWriteExecute"):
        assert settings[name] == ["yes"], name
    assert settings["ProtectSystem"] == ["strict"] and settings["CapabilityBoundingSet"] == [""]
    assert settings["MemoryMax"] and settings["TasksMax"] and settings["IPAddressDeny"] == ["any"]


def test_systemd_finds_no_fault(tmp_path):
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("needs systemd-analyze")
    # It looks whether the program is there.
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/cnnlab/bin/cnnlab", sys.executable))
    done = subprocess.run([systemd, "verify", str(copy)], capture_output=True, text=True)
    assert done.returncode == 0 and UNIT.name not in done.stderr, done.stderr
    rate = [systemd, "security", "--offline=true", "--threshold=15", str(copy)]
    done = subprocess.run(rate, capture_output=True, text=True)
    if "unrecognized option" in done.stderr:
        pytest.skip("needs systemd 250")
    assert done.returncode == 0, done.stdout  # 1.5 of 10 at most


def test_hadolint_finds_no_fault():
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("needs hadolint")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_page_names_what_is_there():
    for path in re.findall(r"\b(?:deploy|tests)/[\w./-]+\w", PAGE):
        assert (ROOT / path).exists(), path
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    for option in re.findall(r"`(--workers|--token-file)\b", PAGE):
        assert option in serve_options()
    (body,) = re.findall(r"client_max_body_size (\d+)m;", PAGE)
    assert int(body) * 2**20 == Limits().body_bytes
