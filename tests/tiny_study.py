"""A study of two lengths of a small network on digits, and a launch without processes and pictures."""

from collections.abc import Sequence
from pathlib import Path

from cnnlab.config import RunConfig
from cnnlab.lab import load_splits
from cnnlab.reporting import Table
from cnnlab.runs import RunFolder
from cnnlab.studies import Findings, StudyFolders, StudyRun
from cnnlab.training import LineProgress, fit
from some_scores import some_evaluation

BASE = RunConfig.from_dict(
    {
        "threads": 1,
        "model": {"name": "lenet5"},
        "data": {"name": "digits", "image_size": 14},
        "schedule": {"name": "constant"},
        "train": {"steps": 4, "batch_size": 32, "log_every": 2, "val_every": 2},
    },
    source="test",
)


class TwoLengths:
    """Four steps and eight, and six at a rate that falls."""

    name, title, claim = "lengths", "Two lengths", "Somebody: more steps are better."
    seeds, quick_seeds = 2, 1

    def runs(self, *, quick: bool, seeds: int) -> Sequence[StudyRun]:
        """Return the runs; half as long where they are quick."""
        factor = 1 if quick else 2
        kinds = {
            "short": {"train.steps": 2 * factor},
            "long": {"train.steps": 4 * factor},
            "falling": {"train.steps": 3 * factor, "schedule.name": "cosine"},
        }
        return [
            StudyRun(key, key, BASE.with_changes({**changes, "seed": seed}))
            for key, changes in kinds.items()
            for seed in range(seeds)
        ]

    def report(self, folders: StudyFolders, *, quick: bool) -> Findings:
        """Return the steps of each run."""
        steps = {key: [folder.cost["steps"] for folder in group] for key, group in folders.items()}
        rows = [[key, " ".join(map(str, some))] for key, some in steps.items()]
        return Findings([Table(["runs", "steps"], rows, "<>", title="Steps")], ["A note_."], {"steps": steps})


class RecordingLaunch:
    """Trains within this process, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int | None, int, bool]] = []

    def __call__(self, config: RunConfig, out: Path, unfinished: Path | None, **options: object) -> Path:
        """Train, and write some test scores; what else processes are told does not matter here."""
        self.asked.append((config.train.steps, config.seed, unfinished is not None))
        folder = RunFolder(unfinished) if unfinished else RunFolder.create(out, config)
        data = load_splits(config.data, ("train", "val"))
        fit(config, data["train"], data["val"], folder, progress=LineProgress())
        folder.evaluation = some_evaluation(0.5)
        return folder.path
