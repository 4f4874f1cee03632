"""`origins`: the systems that this project grew out of, as they were trained and trained well.

docs/origins.md says in plain words what comes out and why.
"""

from collections.abc import Sequence
from typing import Any

from cnnlab.recipes import load_recipe
from cnnlab.studies.origins.losses import measure_all
from cnnlab.studies.origins.rows import ORIGINS, Origin
from cnnlab.studies.origins.scores import score_origin
from cnnlab.studies.origins.tables import (
    all_images_table,
    losses_table,
    photographs_table,
    published_table,
    systems_table,
)
from cnnlab.studies.study import Findings, StudyFolders, StudyRun


class OriginsStudy:
    """Their figure, the same training here, and the same network trained well."""

    name = "origins"
    title = "Every original system: as it was trained, and trained well"
    claim = (
        "TensorFlow 1 tutorials and a CNN lab, 2015 to 2018: 22% to 97% on MNIST by AlexNets and a ResNet."
    )
    seeds = 3
    quick_seeds = 1

    def runs(self, *, quick: bool, seeds: int) -> Sequence[StudyRun]:
        """Return faithful and well trained runs of each row, seed by seed."""
        return [
            StudyRun(
                key,
                origin.name,
                load_recipe(recipe).with_changes({**_length(origin, quick), "seed": seed}),
                chain=f"{recipe}, seed {seed}",
            )
            for origin in ORIGINS
            for key, recipe in (
                (origin.faithful, f"{origin.recipe}-faithful"),
                (origin.ours, origin.recipe),
            )
            for seed in range(seeds)
        ]

    def report(self, folders: StudyFolders, *, quick: bool) -> Findings:
        """Return the tables, in the order in which they are read."""
        rows = [
            score_origin(origin, folders[origin.faithful], folders[origin.ours], quick=quick)
            for origin in ORIGINS
            if origin.faithful in folders
        ]
        # A quick run ends long before the steps whose losses were printed.
        losses = [] if quick else measure_all(folders)
        tables = [systems_table(row.origin for row in rows), published_table(rows), all_images_table(rows)]
        tables += [losses_table(losses)] if losses else []
        return Findings(
            tables=[*tables, photographs_table()],
            values={
                "rows": [row.as_dict() for row in rows],
                "losses": [one.as_dict() for one in losses],
            },
        )


def _length(origin: Origin, quick: bool) -> dict[str, Any]:
    if not quick:
        return dict(origin.length)
    # Metrics and validation fall due where each quick run ends, so that a longer one can go on from there.
    every = min(other.quick_steps for other in ORIGINS if other.recipe == origin.recipe)
    return {
        "train.steps": origin.quick_steps,
        "train.log_every": every,
        "train.val_every": every,
        "data.val_size": 500,
    }


ORIGINS_STUDY = OriginsStudy()
