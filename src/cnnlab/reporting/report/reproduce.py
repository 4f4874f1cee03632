"""What it takes to make the runs of a report again, and how to tell that they are the same."""

import hashlib
import shlex

from cnnlab.reporting.report.facts import Facts
from cnnlab.reporting.report.prose import commits
from cnnlab.reporting.text import Text
from cnnlab.runs import RunFolder

SHOWN_DIGITS = 16
"""Of a sha256: enough that no two files here share them by chance."""


def train_commands(facts: Facts) -> list[str]:
    """Return the command that makes each run again."""
    return [
        shlex.join(["cnnlab", "train", str(folder.path / "config.toml")])
        for network in facts.networks
        for folder in network.folders
    ]


def weights_hashes(facts: Facts) -> dict[str, str]:
    """Return the beginning of the sha256 of each run's weights, by the run's name, where they are kept."""
    return {
        folder.name: _sha256(folder)[:SHOWN_DIGITS]
        for network in facts.networks
        for folder in network.folders
        if folder.weights.exists()
    }


def _versions_of(facts: Facts) -> tuple[str, list[str]]:
    """Return the versions of Python and of each package; all of them, where runs differ."""
    seen: dict[str, dict[str, None]] = {}
    for folder in (folder for network in facts.networks for folder in network.folders):
        known = {"python": folder.environment.get("python", "?"), **folder.environment.get("packages", {})}
        for name, number in known.items():
            seen.setdefault(name, {})[number] = None
    python, *packages = (" / ".join(numbers) for numbers in seen.values())
    return python, [f"{name} {numbers}" for name, numbers in zip(list(seen)[1:], packages, strict=True)]


def _sha256(folder: RunFolder) -> str:
    with folder.weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions(facts: Facts, text: Text) -> list[str]:
    """Return commit, versions and fingerprints, in sentences."""
    python, packages = _versions_of(facts)
    some = commits(facts)
    sentences = [text("reproduce.commit", commits=text.join(some))]
    if any(commit.endswith("+") for commit in some):
        sentences.append(text("reproduce.changed"))
    sentences.append(text("reproduce.versions", python=python, versions=text.join(packages)))
    prints = [
        f"{text(f'data.{split}')} {value[:SHOWN_DIGITS]}" for split, value in facts.fingerprints.items()
    ]
    return [*sentences, text("data.fingerprints", fingerprints=text.join(prints))]
