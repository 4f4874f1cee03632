"""`precision`: do networks pay for bf16 with accuracy?

docs/performance.md says where bf16 is the faster choice. Where a processor has no instructions for it, it is
emulated, see `training.rounded_products`, so that the study can be run anywhere.
"""

from collections.abc import Sequence
from dataclasses import asdict

from cnnlab.recipes import load_recipe
from cnnlab.reporting import Table
from cnnlab.runs import RunFolder
from cnnlab.studies.paired import accuracy_of, accuracy_texts, gain_of, gain_texts
from cnnlab.studies.study import Findings, StudyFolders, StudyRun

RECIPES = ("lenet5", "mnist-99", "alexnet_mnist3")
PRECISIONS = ("float32", "bf16")
QUICK = {"train.steps": 20, "train.val_every": 20}
HEADER = (
    "recipe",
    "float32",
    "95 % interval",
    "bf16",
    "95 % interval",
    "bf16 - float32",
    "95 % interval",
    "p",
    "verdict",
)


class PrecisionStudy:
    """The same recipes in float32 and in bf16, seed by seed."""

    name = "precision"
    title = "bf16 against float32 on MNIST: the same recipes, seed by seed"
    claim = (
        "Kalamkar et al. 2019: products of bf16 numbers, summed up in float32, reach the accuracy of float32 "
        "with the same settings."
    )
    seeds = 5
    quick_seeds = 2

    def runs(self, *, quick: bool, seeds: int) -> Sequence[StudyRun]:
        """Return both runs of each recipe and seed."""
        return [
            StudyRun(
                _key(recipe, precision),
                recipe,
                load_recipe(recipe).with_changes(
                    {"precision": precision, "seed": seed, **(QUICK if quick else {})}
                ),
            )
            for recipe in RECIPES
            for seed in range(seeds)
            for precision in PRECISIONS
        ]

    def report(self, folders: StudyFolders, *, quick: bool) -> Findings:
        """Return one table, bf16 against float32 of each recipe, paired over seeds."""
        rows: list[list[str]] = []
        values, num_images = [], 0
        for recipe in RECIPES:
            if _key(recipe, PRECISIONS[0]) not in folders:
                continue
            groups = [folders[_key(recipe, precision)] for precision in PRECISIONS]
            accuracies, gain = [accuracy_of(group) for group in groups], gain_of(groups[1], groups[0])
            cells = [text for accuracy in accuracies for text in accuracy_texts(accuracy)]
            num_images = accuracies[0].num_images
            rows.append([recipe, *cells, *gain_texts(gain)])
            values.append(
                {
                    "recipe": recipe,
                    **{name: asdict(one) for name, one in zip(PRECISIONS, accuracies, strict=True)},
                    "gain": {**asdict(gain), "verdict": gain.verdict},
                }
            )
        return Findings(
            tables=[Table(HEADER, rows, "<>>>>>>><")],
            notes=_notes([folder for group in folders.values() for folder in group], len(rows), num_images),
            values={"recipes": values},
        )


def _notes(folders: Sequence[RunFolder], num_tests: int, num_images: int) -> list[str]:
    is_emulated = any(folder.environment.get("execution", {}).get("emulated") for folder in folders)
    emulated = (
        "bf16 is emulated: factors rounded to bf16, multiplied and summed up in float32, the result rounded "
        "to bf16; a processor with instructions for bf16 does the same in another order."
    )
    return [
        f"Test top1 on all {num_images:,} test images, looked at once per run; mean and t interval over "
        "seeds.",
        "bf16 - float32: points of top1, paired over seeds, which decide starting weights and batches; "
        f"paired t test, two-sided, each of the {num_tests} by itself: where nothing differs, one in twenty "
        "falls below 0.05.",
        *([emulated] if is_emulated else []),
    ]


def _key(recipe: str, precision: str) -> str:
    return f"{recipe}, {precision}"


PRECISION_STUDY = PrecisionStudy()
