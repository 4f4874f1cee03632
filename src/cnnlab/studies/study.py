"""What a study is: a claim, the runs that test it, and a report made from their run folders alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cnnlab.config import RunConfig
from cnnlab.reporting import Table
from cnnlab.runs import RunFolder


@dataclass(frozen=True)
class StudyRun:
    """One run that a study needs.

    Attributes:
        key: the group it belongs to, such as `A3-wzs faithful`; the runs of a group differ in their seed.
        part: of the study, such as `A3-lab, 5 epochs`, which can be run without the others.
        config: what to run, complete but for device, threads and where data lies, which the user says.
        chain: runs of one chain are done one after another, in their order, because a later one goes on from
            an earlier one or uses its pre-training; None for a run that stands alone.
    """

    key: str
    part: str
    config: RunConfig
    chain: str | None = None


StudyFolders = Mapping[str, Sequence[RunFolder]]
"""Evaluated runs by key, in the order in which `Study.runs` named them."""


@dataclass(frozen=True)
class Picture:
    """A picture of one run, shown on the study's page.

    Attributes:
        source: the PNG in the run's folder; a run whose small files alone are kept has none.
        name: what its copy beside the page is called, without its ending.
        text: what is to be seen, for those who cannot see it.
    """

    source: Path
    name: str
    text: str


@dataclass(frozen=True)
class Findings:
    """What came out.

    Attributes:
        tables: for people.
        notes: what a reader must know to trust the tables, one sentence or two each; no hardware, commits or
            seeds, which the runner adds.
        values: the same for machines, as JSON values: fractions, seconds, numbers of images.
        pictures: copied beside the page, below its tables.
    """

    tables: Sequence[Table]
    notes: Sequence[str] = ()
    values: dict[str, Any] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()


class Study(Protocol):
    """A claim and how it is tested.

    Attributes:
        name: what the command line calls it.
        title: what it is, in a line.
        claim: who says what, in a line.
        seeds: how many, if the user does not say.
        quick_seeds: the same for a quick look.
    """

    name: str
    title: str
    claim: str
    seeds: int
    quick_seeds: int

    def runs(self, *, quick: bool, seeds: int) -> Sequence[StudyRun]:
        """Return all runs of seeds 0 to `seeds` - 1, in the order in which they are to be done.

        Where the rate is constant, a longer run goes on from the end of a shorter one that lies before it.

        Args:
            quick: a small part of each run, which takes minutes in all and shows that everything works.
            seeds: how many of each.
        """
        ...

    def report(self, folders: StudyFolders, *, quick: bool) -> Findings:
        """Work out the findings from evaluated runs alone, of whole parts, not always of all.

        Raises:
            RunError: a run is damaged.
        """
        ...
