"""`precision`: do networks pay for bf16 with accuracy?

docs/performance.md says where bf16 is the faster choice. Where a processor has no instructions for it, it is
emulated, see `training.rounded_products`, so that the study can be run anywhere.

The claim holds for a recipe where the interval of the difference lies within `MARGIN` of 0, and is refuted
where it lies beyond; where it does neither, five seeds do not decide.
"""

from collections.abc import Sequence
from dataclasses import asdict

from cnnlab.recipes import load_recipe
from cnnlab.reporting import Table
from cnnlab.runs import RunFolder
from cnnlab.studies.paired import Accuracy, Gain, accuracy_of, accuracy_texts, gain_of, gain_texts
from cnnlab.studies.study import Findings, StudyFolders, StudyRun

RECIPES = ("lenet5", "mnist-99", "alexnet_mnist3")
PRECISIONS = ("float32", "bf16")
MARGIN = 0.001
"""Ten of 10,000 test images: a tenth of what most of these recipes leave wrong, or more."""

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
    "the same to 0.1 points",
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
        compared: dict[str, tuple[list[Accuracy], Gain]] = {}
        for recipe in RECIPES:
            if _key(recipe, PRECISIONS[0]) in folders:
                groups = [folders[_key(recipe, precision)] for precision in PRECISIONS]
                compared[recipe] = [accuracy_of(group) for group in groups], gain_of(groups[1], groups[0])
        rows = [
            [
                recipe,
                *(text for accuracy in accuracies for text in accuracy_texts(accuracy)),
                *gain_texts(gain),
                is_the_same(gain),
            ]
            for recipe, (accuracies, gain) in compared.items()
        ]
        values = [
            {
                "recipe": recipe,
                **{name: asdict(one) for name, one in zip(PRECISIONS, accuracies, strict=True)},
                "gain": {**asdict(gain), "verdict": gain.verdict, "is_the_same": is_the_same(gain)},
            }
            for recipe, (accuracies, gain) in compared.items()
        ]
        num_images = next(iter(compared.values()))[0][0].num_images
        return Findings(
            tables=[Table(HEADER, rows, "<>>>>>>><<")],
            notes=_notes([folder for group in folders.values() for folder in group], len(rows), num_images),
            values={"recipes": values},
        )


def is_the_same(gain: Gain) -> str:
    """Say whether accuracies are the same to `MARGIN`; nothing for one seed."""
    if gain.interval is None:
        return ""
    low, high = gain.interval
    if low >= -MARGIN and high <= MARGIN:
        return "yes"
    return "no" if low > MARGIN or high < -MARGIN else "not decided"


def _notes(folders: Sequence[RunFolder], num_tests: int, num_images: int) -> list[str]:
    in_bf16 = [folder for folder in folders if folder.config.precision == "bf16"]
    executions = [folder.environment.get("execution", {}) for folder in folders]
    num_emulated = sum(bool(execution.get("emulated")) for execution in executions)
    emulated = (
        f"bf16 is emulated in {num_emulated} of {len(in_bf16)} runs: factors rounded to bf16, multiplied and "
        "summed up in float32, the result rounded to bf16; a processor with instructions for bf16 does the "
        "same in another order, and takes numbers below 1e-38 for 0."
    )
    others = "Both differ in more than rounding: torch computes more of bf16 than of float32, kernels less."
    has_kernels = any(execution.get("kernels", "none") != "none" for execution in executions)
    return [
        f"Test top1 on all {num_images:,} test images, looked at once per run; mean and t interval over "
        "seeds.",
        "bf16 - float32: points of top1, paired over seeds, which decide starting weights and batches; "
        f"paired t test, two-sided, each of the {num_tests} by itself: where nothing differs, one in twenty "
        "falls below 0.05.",
        "The same to 0.1 points: whether the interval of the difference lies within; that measure was set "
        "before any difference was looked at.",
        *([emulated] if num_emulated else []),
        *([others] if has_kernels else []),
    ]


def _key(recipe: str, precision: str) -> str:
    return f"{recipe}, {precision}"


PRECISION_STUDY = PrecisionStudy()
