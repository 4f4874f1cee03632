"""Classes of uneven size: on real digits both ways of balancing find more of a rare class."""

from functools import cache
from pathlib import Path

import pytest
import torch

from cnnlab.config import RunConfig
from cnnlab.data import Dataset, load_data, make_dataset
from cnnlab.evaluation import load_run, score
from cnnlab.training import SilentProgress, fit
from tiny_training import outcome, prepare, run_tiny, tiny_config, tiny_images

RARE, NUM_RARE, SEEDS = 8, 4, (0, 1)


@cache
def uneven_digits() -> dict[str, Dataset]:
    """All training images but for those of one class, of which four are left."""
    splits = load_data("digits", splits=("train", "val"))
    train = splits["train"]
    rare = (train.labels == RARE).nonzero().flatten()[NUM_RARE:]
    keep = torch.ones(len(train), dtype=torch.bool)
    keep[rare] = False
    few = make_dataset("few eights", "train", train.images[keep], train.labels[keep], train.class_names)
    return {"train": few, "val": splits["val"]}


def recalls(path: Path, **changes: str) -> list[float]:
    """Recall of the rare class on the validation images, seed by seed."""
    found = []
    for seed in SEEDS:
        values = {
            "seed": seed,
            "threads": 1,
            "precision": "float32",
            "device": "cpu",
            "model": {"name": "convnet_mnist"},
            "data": {"name": "digits"},
            "optim": {"name": "adamw", "lr": 0.003},
            "train": {"steps": 100, "batch_size": 64, **changes},
        }
        folder = prepare(path / f"{changes}-{seed}", RunConfig.from_dict(values, source="tests"))
        fit(folder.config, uneven_digits()["train"], uneven_digits()["val"], folder)
        evaluation = score(load_run(folder.path), uneven_digits()["val"])
        found.append(evaluation.scores["per_class"][str(RARE)]["recall"])
    return found


def test_both_ways_of_balancing_find_more_of_a_rare_class(tmp_path):
    plain = recalls(tmp_path)
    for changes in ({"class_weights": "balanced"}, {"sampling": "balanced"}):
        balanced = recalls(tmp_path, **changes)
        assert all(better > worse for better, worse in zip(balanced, plain, strict=True)), changes
        assert sum(balanced) > sum(plain) + 0.3, changes


@pytest.mark.parametrize("field", ["class_weights", "sampling"])
def test_resume_is_exact_where_classes_are_uneven(tmp_path, field):
    even = tiny_images("train")
    keep = torch.cat([torch.arange(0, 72, 4), torch.arange(1, 72, 2), torch.tensor([2, 6])]).sort().values
    uneven = make_dataset("uneven", "train", even.images[keep], even.labels[keep], even.class_names)
    config = tiny_config(**{f"train__{field}": "balanced", "train__val_every": 3})

    class StopHere(SilentProgress):
        def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
            if step == 11:
                raise KeyboardInterrupt

    run_tiny(tmp_path / "whole", config, train=uneven)
    with pytest.raises(KeyboardInterrupt):
        run_tiny(tmp_path / "parts", config, train=uneven, progress=StopHere())
    run_tiny(tmp_path / "parts", config, train=uneven)
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")
    run_tiny(tmp_path / "plain", tiny_config(train__val_every=3), train=uneven)
    assert outcome(tmp_path / "plain")["weights"] != outcome(tmp_path / "whole")["weights"]
