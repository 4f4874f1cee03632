"""The house: rooms import only downwards, files stay small, and no room is a junk drawer."""

import ast
from pathlib import Path

import pytest

import cnnlab

SOURCE = Path(cnnlab.__file__).parent
GROUND = {"errors", "locks", "machine", "source", "threads", "values"}  # every room may use these
MAY_IMPORT = {
    "errors": set(),
    "locks": set(),
    "machine": set(),
    "source": set(),
    "threads": set(),
    "values": set(),
    "config": set(),
    "recipes": {"config"},
    "pictures": set(),
    "data": {"pictures"},
    "page": set(),
    "nn": set(),
    "models": {"nn"},
    "runs": {"config"},
    "training": {"config", "data", "models", "nn", "runs"},
    "tracking": {"runs"},
    "evaluation": {"data", "models", "runs", "pictures"},
    "explain": {"data", "models", "runs", "evaluation"},
    "reporting": {"runs", "models", "evaluation", "explain"},
    "bench": {"config", "data", "models", "nn", "training"},
    "export": {"data", "models", "nn", "runs", "evaluation", "page", "pictures"},
    "serving": {"export", "page", "pictures"},
    "lab": {
        "config",
        "recipes",
        "pictures",
        "data",
        "nn",
        "models",
        "runs",
        "training",
        "tracking",
        "bench",
        "evaluation",
        "explain",
        "reporting",
        "export",
    },
    "studies": {
        "config",
        "recipes",
        "data",
        "models",
        "runs",
        "training",
        "evaluation",
        "reporting",
        "lab",
    },
}
MAX_LINES = 250


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms of cnnlab that a file imports anywhere, inside functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("cnnlab.")}
    return rooms


FILES = sorted(path for path in SOURCE.rglob("*.py"))
ROOMS = sorted({room_of(path) for path in FILES} - {"__init__", "__main__", "cli"})


def test_every_room_has_a_rule():
    assert set(ROOMS) == set(MAY_IMPORT)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_lies_below(room):
    for path in FILES:
        if room_of(path) == room:
            forbidden = imported_rooms(path) - MAY_IMPORT[room] - GROUND - {room}
            assert not forbidden, f"{path.relative_to(SOURCE)} imports {forbidden}"


def test_the_rules_have_no_circle():
    done: set[str] = set()
    while len(done) < len(MAY_IMPORT):
        ready = {room for room, below in MAY_IMPORT.items() if below <= done} - done
        assert ready, f"a circle among {set(MAY_IMPORT) - done}"
        done |= ready


def test_files_are_small_and_say_what_they_are_for():
    for path in FILES:
        text = path.read_text()
        assert text.startswith('"""'), f"{path.relative_to(SOURCE)} does not begin with what it is for"
        assert len(text.splitlines()) <= MAX_LINES, f"{path.relative_to(SOURCE)} is too long"


def test_no_junk_drawers():
    names = {path.stem for path in FILES} | {path.parent.name for path in FILES}
    assert not names & {"utils", "util", "common", "helpers", "misc"}


def test_only_reporting_imports_matplotlib():
    for path in FILES:
        if room_of(path) != "reporting":
            assert "matplotlib" not in path.read_text().replace('"matplotlib"', ""), path


def test_only_tracking_knows_trackers():
    trackers = ("import mlflow", "import tensorboard", "from tensorboard", "torch.utils.tensorboard")
    for path in FILES:
        text = path.read_text()
        if room_of(path) != "tracking":
            assert not [tracker for tracker in trackers if tracker in text], path
        if room_of(path) == "training":
            assert "tracking" not in text, path


def test_architecture_document_names_every_room():
    document = (SOURCE.parents[1] / "ARCHITECTURE.md").read_text()
    for room in ROOMS:
        assert f"`{room}/`" in document or f"`{room}.py`" in document, room
