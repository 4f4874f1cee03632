"""How long the runs of a study will take, from a few steps of each kind on this machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.runs import RunSummary, list_runs, result_key
from cnnlab.studies.study import StudyRun
from cnnlab.training import Plan, format_seconds, make_plan, probe_seconds_per_step


def predict_seconds(runs: Sequence[StudyRun], data: Mapping[str, Dataset], out: Path) -> list[float]:
    """Return the seconds that each run will take; 0 for those that are done.

    A forward pass counts as a third of a training step, for the validation and the test images. Starting a
    process and drawing pictures, some seconds a run, do not count, nor does pre-training.

    Args:
        runs: all on the same images, in the order in which they are done.
        data: train, val and test.
        out: where run folders are looked for.
    """
    there: dict[str, RunSummary] = {}
    for run in list_runs(out):
        if run.config is not None:
            there.setdefault(_key(run.config), run)
    longest: dict[str, int] = {}  # steps that a longer run of the same settings need not do again
    per_step: dict[str, float] = {}
    predicted = []
    for run in runs:
        config, plan = run.config, make_plan(run.config, len(data["train"]))
        found = there.get(_key(config))
        steps_done = found.step if found is not None else 0
        if config.schedule.name == "constant" and not config.schedule.warmup:
            family = _key(config, any_length=True)
            steps_done = max(steps_done, longest.get(family, 0))
            longest[family] = max(longest.get(family, 0), plan.num_steps)
        if found is not None and found.state == "evaluated":
            predicted.append(0.0)
            continue
        kind = _kind(config)
        if kind not in per_step:
            per_step[kind] = probe_seconds_per_step(config, data["train"])
        steps_left = max(0, plan.num_steps - steps_done)
        predicted.append(per_step[kind] * (steps_left + _forward_steps(plan, steps_left, data)))
    return predicted


FOUND = 0.05
"""Of what was predicted: what took less was not trained."""


class TimeLeft:
    """The seconds left of a study, corrected by what its runs have taken so far."""

    def __init__(self, predicted: Sequence[float], jobs: int = 1) -> None:
        """Take what each run will take, and how many are done at once."""
        self._predicted = list(predicted)
        self._jobs = jobs
        self._lock = Lock()
        self._left = set(range(len(predicted)))
        self._predicted_so_far = self._taken_so_far = 0.0

    def done(self, index: int, seconds: float) -> None:
        """Take in that a run is at its end; may be called from several threads."""
        with self._lock:
            self._left.discard(index)
            # What takes next to nothing was found, not trained: it says nothing of the others.
            if seconds > FOUND * self._predicted[index] > 0:
                self._predicted_so_far += self._predicted[index]
                self._taken_so_far += seconds

    @property
    def seconds(self) -> float:
        """What the runs that are not at their end will take; one that has begun counts in full."""
        with self._lock:
            factor = self._taken_so_far / self._predicted_so_far if self._predicted_so_far else 1.0
            return factor * sum(self._predicted[index] for index in self._left) / self._jobs

    def __str__(self) -> str:
        """Say what is to be done in all."""
        num_left = sum(seconds > 0 for seconds in self._predicted)
        num_done = len(self._predicted) - num_left
        before = f", {num_done} of them done before" if num_done else ""
        at_once = f", {self._jobs} at once" if self._jobs > 1 else ""
        left = f"; about {format_seconds(self.seconds)} on this machine{at_once}" if num_left else ""
        return f"{len(self._predicted)} run{'s' * (len(self._predicted) != 1)}{before}{left}."


def _forward_steps(plan: Plan, steps_left: int, data: Mapping[str, Dataset]) -> float:
    """Return the cost of validations and of the test images, in training steps."""
    num_validations = steps_left // plan.val_every + 1
    return (num_validations * len(data["val"]) + len(data["test"])) / plan.batch_size / 3


def _key(config: RunConfig, *, any_length: bool = False) -> str:
    return result_key(config, any_length=any_length).to_toml()


def _kind(config: RunConfig) -> str:
    """Return what decides how long a step takes."""
    same = {"seed": 0, "train.steps": 1, "schedule": {}, "pretrain": {}}
    return result_key(config.with_changes(same)).to_toml()
