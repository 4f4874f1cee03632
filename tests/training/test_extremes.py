"""Every number that a config takes ends a run well, or with an error of ours, never with torch's."""

import re
from typing import Any

import pytest

from cnnlab.config import RunConfig
from cnnlab.config.sections import Section
from cnnlab.errors import CnnlabError
from tiny_training import plain_config, run_tiny

HUGE, TINY = 1.7e308, 5e-324
# Not asked here: data is not read, and threads are the machine's.
LEFT_OUT = {"threads", "data.val_size", "data.split_seed", "data.image_size", "data.channels"}


def numbers_of(section: type[Section], prefix: str = "") -> list[tuple[str, Any]]:
    """Return all numeric fields with the smallest and the largest value that they take."""
    found = []
    for name, field in section.model_fields.items():
        hint = field.annotation
        if isinstance(hint, type) and issubclass(hint, Section):
            found += numbers_of(hint, f"{prefix}{name}.")
            continue
        kind = next((kind for kind in (int, float) if re.search(rf"\b{kind.__name__}\b", str(hint))), None)
        if kind is None or f"{prefix}{name}" in LEFT_OUT:
            continue
        for value in (0, 1, 10**9, 10**30) if kind is int else (0.0, TINY, 1e-30, 1.0, 1e30, 1e38, HUGE):
            if f"{prefix}{name}" not in ("train.epochs", "train.steps") or not 1 < value < 1e10:  # too long
                found.append((f"{prefix}{name}", value))
    return found


@pytest.mark.parametrize(("field", "value"), numbers_of(RunConfig), ids=str)
def test_a_run_with_this_number_ends_well_or_says_why(tmp_path, field, value):
    run(tmp_path, {field: value})


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "adadelta", "rmsprop"])
@pytest.mark.parametrize(
    "field", ["lr", "momentum", "beta1", "beta2", "rho", "eps", "weight_decay", "clip_norm"]
)
def test_every_optimizer_takes_every_number(tmp_path, name, field):
    for number, value in enumerate((0.0, TINY, 1.0, 1e30, 1e38, HUGE)):
        run(tmp_path / str(number), {"optim.name": name, f"optim.{field}": value})


def run(path, changes: dict[str, Any]) -> None:
    short = {"train.steps": 3, "train.val_every": 2, "schedule.name": "constant"}
    try:
        run_tiny(path / "run", plain_config().with_changes({**short, **changes}))
    except CnnlabError as error:
        assert "\n" not in str(error)
