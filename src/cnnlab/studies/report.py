"""A study's findings with all that is needed to judge them and to make them again: text, Markdown, JSON."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnlab.evaluation import hardware_of
from cnnlab.reporting import escape_markdown, short_commit, table_markdown, table_text
from cnnlab.runs import RunFolder
from cnnlab.runs.atomic import write_bytes, write_json
from cnnlab.studies.study import Findings, Picture, Study, StudyFolders
from cnnlab.training import format_seconds

QUICK = (
    "A QUICK LOOK: each run is a small part of what the study asks for. It shows that everything works; no "
    "figure here can be compared with anything."
)


@dataclass(frozen=True)
class StudyReport:
    """What a study found, and from which runs.

    Attributes:
        name: the study's.
        title: likewise.
        claim: likewise.
        is_quick: whether the runs were cut short.
        seeds: how many runs there are of each kind.
        findings: tables, notes and values.
        runs: names of the run folders, by key.
        only: the parts of the study that there are; empty if all.
        train_seconds: of all runs together; one that went on from a shorter one counts in full.
        hardware: processor, threads and precision of the runs; more than one where they differ.
        commits: of the source that the runs came from; `+` marks changes beyond it.
        command: what makes this report again; empty if unknown.
    """

    name: str
    title: str
    claim: str
    is_quick: bool
    seeds: int
    findings: Findings
    runs: dict[str, tuple[str, ...]]
    train_seconds: float
    hardware: tuple[str, ...]
    commits: tuple[str, ...]
    only: tuple[str, ...] = ()
    command: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the tables for JSON: fractions and seconds."""
        return {
            "study": self.name,
            "title": self.title,
            "claim": self.claim,
            "is_quick": self.is_quick,
            "seeds": self.seeds,
            "only": list(self.only),
            **self.findings.values,
            "notes": list(self.findings.notes),
            "runs": {key: list(names) for key, names in self.runs.items()},
            "train_seconds": self.train_seconds,
            "hardware": list(self.hardware),
            "commits": list(self.commits),
            "command": self.command,
        }

    def to_text(self, *, width: int | None = None) -> str:
        """Return tables and notes for a terminal.

        Args:
            width: characters in a line, the terminal's if not given; where a row does not fit, rows become
                columns.
        """
        width = width or shutil.get_terminal_size(fallback=(200, 24)).columns
        parts = [f"{self.title}\n{self.claim}\n", *(f"{warning}\n" for warning in self._warnings())]
        parts += [table_text(table, width=width) for table in self.findings.tables]
        made_by = [f"Made by: {self.command}"] if self.command else []
        parts.append("\n".join([*self._notes(), *made_by]) + "\n")
        return "\n".join(parts)

    def to_markdown(self, pictures: Sequence[Picture] = ()) -> str:
        """Return tables, these pictures, which lie beside it, and notes as a page."""
        parts = [f"# {escape_markdown(self.title)}\n", f"{escape_markdown(self.claim)}\n"]
        parts += [f"**{escape_markdown(warning)}**\n" for warning in self._warnings()]
        parts += [table_markdown(table) for table in self.findings.tables]
        parts += [f"![{escape_markdown(one.text)}]({one.name}.png)\n" for one in pictures]
        made_by = [f"Made by: `{self.command}`"] if self.command else []
        notes = [*map(escape_markdown, self._notes()), *made_by]
        parts.append("".join(f"- {note}\n" for note in notes))
        return "\n".join(parts)

    def _warnings(self) -> list[str]:
        part = [f"A part of the study: {'; '.join(self.only)}."] if self.only else []
        return [*([QUICK] if self.is_quick else []), *part]

    def _notes(self) -> list[str]:
        num_runs = sum(len(names) for names in self.runs.values())
        commits = ", ".join(short_commit(commit) for commit in self.commits)
        seeds = "seed 0" if self.seeds == 1 else f"seeds 0 to {self.seeds - 1}"
        return [
            *self.findings.notes,
            f"{num_runs} runs, {seeds}; {format_seconds(self.train_seconds)} of training, each run in full.",
            f"Hardware: {'; '.join(self.hardware)}.",
            f"Commit: {commits}.",
        ]


def make_report(
    study: Study,
    folders: StudyFolders,
    *,
    quick: bool,
    seeds: int,
    only: Sequence[str] = (),
    command: str = "",
) -> StudyReport:
    """Return the report of a study whose runs are all there.

    Raises:
        RunError: a run is damaged.
    """
    every: Sequence[RunFolder] = [folder for group in folders.values() for folder in group]
    return StudyReport(
        name=study.name,
        title=study.title,
        claim=study.claim,
        is_quick=quick,
        seeds=seeds,
        findings=study.report(folders, quick=quick),
        runs={key: tuple(folder.name for folder in group) for key, group in folders.items()},
        train_seconds=sum(folder.cost.get("train_seconds", 0.0) for folder in every),
        hardware=tuple(sorted({hardware_of(folder) for folder in every})),
        commits=tuple(sorted({folder.environment.get("commit") or "unknown" for folder in every})),
        only=tuple(only),
        command=command,
    )


def write_report(folder: Path, report: StudyReport) -> list[Path]:
    """Write NAME.json and NAME.md, each as one step, and return their paths; copy the pictures beside them.

    A picture that is there from before stays where the run that it was of is no longer. A quick report is
    called NAME-quick, one of some parts NAME-part: they must not take the place of the whole.

    Raises:
        MissingResourceError: the disk is full.
    """
    stem = report.name + ("-quick" if report.is_quick else "-part" if report.only else "")
    paths = [folder / f"{stem}.{ending}" for ending in ("json", "md")]
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for picture in () if report.is_quick else report.findings.pictures:
        copy = folder / f"{picture.name}.png"
        if picture.source.exists():
            write_bytes(copy, picture.source.read_bytes())
        if copy.exists():
            shown.append(picture)
    write_json(paths[0], report.as_dict())
    write_bytes(paths[1], report.to_markdown(shown).encode())
    return paths
