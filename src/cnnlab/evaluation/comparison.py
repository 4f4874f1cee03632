"""Networks compared on the same test images: accuracy with its uncertainty, tests against the first, cost.

What may be said depends on the seeds. With one or two, a test over images tells these trained networks apart;
only from three on does a test over seeds tell how the networks do when trained again.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from cnnlab.errors import RunError
from cnnlab.evaluation.ensemble import Ensemble, ensemble_of
from cnnlab.evaluation.paired import PairedTest, against, as_family
from cnnlab.evaluation.statistics import mean_interval, wilson_interval
from cnnlab.evaluation.views import ONE_VIEW, views_in_words
from cnnlab.runs import RunFolder, precision_text

OVER_SEEDS, OVER_IMAGES = "t over seeds", "Wilson over images"


@dataclass(frozen=True)
class NetworkResult:
    """One network over all seeds.

    Attributes:
        name: what the comparison calls it.
        network: its name in the registry.
        runs: names of the run folders, in the order of the seeds.
        top1: of each seed, as a fraction.
        mean_top1: their mean.
        interval: 95 %, of the mean; no spread over seeds is taken to be below the resolution of one image,
            and ends are cut to [0, 1].
        interval_method: `t over seeds`, or `Wilson over images` where there is one seed.
        test: against the first network; None for the first itself, and where none can be made.
        seconds_per_epoch: of training with its validations, mean over seeds.
        train_seconds: the same for a whole run.
        num_parameters: weights that training changes.
        peak_memory_bytes: the most that a training process held, over seeds.
        ensemble: of all seeds; None of one seed, and where answers were not kept.
    """

    name: str
    network: str
    runs: tuple[str, ...]
    top1: tuple[float, ...]
    mean_top1: float
    interval: tuple[float, float]
    interval_method: str
    test: PairedTest | None
    seconds_per_epoch: float
    train_seconds: float
    num_parameters: int
    peak_memory_bytes: int
    ensemble: Ensemble | None = None


@dataclass(frozen=True)
class Comparison:
    """Several networks on one test set.

    Attributes:
        data: name of the data set.
        fingerprint: of its test images.
        num_images: how many test images there are.
        seeds: of the runs.
        networks: in the order asked for.
        hardware: processor, threads and precision of the runs; more than one where they differ.
        commits: of the source that the runs came from; `+` marks changes beyond it.
        command: what makes this comparison again; empty if unknown.
        views: of each test image, and what of them is averaged; see `views_in_words`.
        rivals: names of networks that cannot be told apart from the best one; None where that is not tested.
        num_tests: how many p values were corrected together; see `as_family`.
    """

    data: str
    fingerprint: str
    num_images: int
    seeds: tuple[int, ...]
    networks: tuple[NetworkResult, ...]
    hardware: tuple[str, ...]
    commits: tuple[str, ...]
    command: str = ""
    views: str = ONE_VIEW
    rivals: tuple[str, ...] | None = None
    num_tests: int = 0

    @property
    def best(self) -> NetworkResult:
        """The network with the highest mean."""
        return max(self.networks, key=lambda network: network.mean_top1)

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON: fractions, seconds, bytes."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, source: str) -> Self:
        """Return the comparison that `as_dict` gave.

        Raises:
            RunError: the values are not those of a comparison; `source` names their file.
        """
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise RunError(f"{source}: not a comparison: {place}: {first['msg']}.") from None


def compare_runs(
    groups: Mapping[str, Sequence[RunFolder]], *, command: str = "", must_test: bool = True
) -> Comparison:
    """Compare evaluated runs.

    Args:
        groups: per network its runs, one per seed, with the same seeds in the same order for all.
        command: what makes this comparison again.
        must_test: whether runs that cannot be tested, for few seeds and no stored answers, are refused.

    Raises:
        RunError: a run is not evaluated or damaged, or the runs were trained or tested on different images,
            or on different views of them.
    """
    folders = [folder for group in groups.values() for folder in group]
    first = evaluated_scores(folders[0])
    for folder in folders[1:]:
        other = evaluated_scores(folder)
        if other["fingerprint"] != first["fingerprint"]:
            raise RunError(
                f"{folder.path}: tested on {other['num_images']:,} images of {other['data']}, not those of "
                f"{folders[0].path} ({first['num_images']:,} of {first['data']}): they cannot be compared. "
                "Train both with the same --data, data.image_size and data.channels."
            )
        if _views(other) != _views(first):
            raise RunError(
                f"{folder.path}: tested with {_views(other)}, not as {folders[0].path} with {_views(first)}: "
                "they cannot be compared. Train both with the same evaluation.tta and evaluation.average."
            )
        for split in ("train", "val"):
            if _fingerprint(folder, split) != _fingerprint(folders[0], split):
                if silent := [one for one in (folder, folders[0]) if _fingerprint(one, split) is None]:
                    raise RunError(
                        f"{silent[0].path}: environment.json does not say which {split} images it has seen, "
                        "so that it cannot be compared. Bring the file back, or train it again."
                    )
                raise RunError(
                    f"{folder.path}: its {split} images are not those of {folders[0].path}: they cannot be "
                    "compared. Train both with the same --data, data.val_size, data.split_seed and "
                    "data.train_size."
                )
    baseline = next(iter(groups.values()))
    results = [_result(name, group, baseline, must_test) for name, group in groups.items()]
    family = as_family(
        [result.test for result in results],
        [result.top1 for result in results],
        num_images=first["num_images"],
    )
    return Comparison(
        data=first["data"],
        fingerprint=first["fingerprint"],
        num_images=first["num_images"],
        seeds=tuple(folder.config.seed for folder in baseline),
        networks=tuple(
            replace(result, test=test) for result, test in zip(results, family.tests, strict=True)
        ),
        hardware=tuple(sorted({hardware_of(folder) for folder in folders})),
        commits=tuple(sorted({folder.environment.get("commit") or "unknown" for folder in folders})),
        command=command,
        views=_views(first),
        rivals=None if family.rivals is None else tuple(results[at].name for at in family.rivals),
        num_tests=family.num_tests,
    )


def evaluated_scores(folder: RunFolder) -> dict[str, Any]:
    """Return a run's test metrics; raises RunError, with the command that gets them, if it has none."""
    evaluation = folder.evaluation
    if evaluation is None:
        command = f"cnnlab evaluate {shlex.quote(str(folder.path))}"
        raise RunError(f"{folder.path}: has no test metrics. Get them with: {command}")
    return evaluation


def _views(evaluation: dict[str, Any]) -> str:
    return views_in_words(evaluation["tta"], evaluation["average"])


def _fingerprint(folder: RunFolder, split: str) -> str | None:
    return folder.environment.get("data", {}).get(split, {}).get("fingerprint")


def _result(
    name: str, group: Sequence[RunFolder], baseline: Sequence[RunFolder], must_test: bool
) -> NetworkResult:
    top1, first = ([evaluated_scores(folder)["top1"] for folder in runs] for runs in (group, baseline))
    num_images = evaluated_scores(group[0])["num_images"]
    if len(group) > 1:
        method, interval = OVER_SEEDS, mean_interval(top1, resolution=1 / num_images)
    else:
        method, interval = OVER_IMAGES, wilson_interval(round(top1[0] * num_images), num_images)
    assert interval.low is not None and interval.high is not None
    costs = [folder.cost for folder in group]
    try:
        return NetworkResult(
            name=name,
            network=group[0].config.model.name,
            runs=tuple(folder.name for folder in group),
            top1=tuple(top1),
            mean_top1=interval.mean,
            interval=(max(0.0, interval.low), min(1.0, interval.high)),
            interval_method=method,
            test=None
            if group is baseline
            else against((baseline, group), (first, top1), num_images=num_images, must_test=must_test),
            seconds_per_epoch=fmean(cost["seconds_per_epoch"] for cost in costs),
            train_seconds=fmean(cost["train_seconds"] for cost in costs),
            num_parameters=costs[0]["parameters"],
            peak_memory_bytes=max(cost["peak_memory_bytes"] for cost in costs),
            ensemble=ensemble_of(group),
        )
    except KeyError as error:
        raise RunError(f"{group[0].path}: cost.json lacks {error}. Train it again.") from None


def hardware_of(folder: RunFolder) -> str:
    """Return processor, threads and precision of a run in a few words, and how many ran at once."""
    execution = folder.environment.get("execution", {})
    threads = execution.get("threads", "?")
    place = f"{threads} thread{'' if threads == 1 else 's'}" if execution.get("device") == "cpu" else "GPU"
    at_once = folder.environment.get("runs_at_once", 1)
    beside = f", {at_once} runs at once" if at_once > 1 else ""
    return f"{execution.get('hardware', 'unknown')}, {place}, {precision_text(execution)}{beside}"
