"""docs/training.md tells the truth: the settings, options and files that it names exist."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from cnnlab.cli.app import app
from cnnlab.cli.options import parse_settings
from cnnlab.lab import resolve

PAGE = Path(__file__).parents[1] / "docs" / "training.md"
TEXT = PAGE.read_text()
COMMANDS = re.findall(r"^(?:RUN=\$\()?(cnnlab .*?)\)?$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_and_their_settings_exist(command):
    _cnnlab, verb, *words = shlex.split(command)
    parsed = get_command(app).commands[verb].make_context(verb, words).params
    changes = parse_settings(parsed.get("settings"))
    for name in [parsed.get("name"), *(parsed.get("names") or [])]:
        if name:
            resolve(name, data=parsed["data"], changes=changes)


def test_every_section_has_a_command():
    sections = TEXT.split("\n## ")[1:]
    assert len(sections) == 9 and all("\ncnnlab " in part or "\nRUN=" in part for part in sections)


def test_linked_files_exist():
    for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (PAGE.parent / link).exists(), link
