"""`pretraining`: does what convolutions learn from images alone help where labels are few?

docs/pretraining.md says how the networks are pre-trained, and where the settings below come from.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnlab.config import RunConfig
from cnnlab.reporting import FILTERS, RESTORED
from cnnlab.studies.pretraining.cells import make_cell
from cnnlab.studies.pretraining.tables import costs_table, make_notes, network_table
from cnnlab.studies.study import Findings, Picture, StudyFolders, StudyRun

NETWORKS: Mapping[str, dict[str, Any]] = {
    "convnet_mnist": {"optim.lr": 0.08},
    "alexnet_mnist3": {"optim.lr": 0.05},
}
"""Each network, with the rate of its supervised training."""

WAYS = {"autoencoder": "auto-encoder", "rbm": "RBM"}
"""The methods that pre-train, in words."""

NUM_LABELS = (100, 300, 1000)
METHODS: Mapping[str, dict[str, Any]] = {
    "none": {},
    "autoencoder": {"lr": 2e-3, "corruption": 0.3},
    "rbm": {"lr": 5e-3, "sparsity": 0.05},
}
"""Each way to start. Corruption was tried at two values (LOG.md); rates and sparsity are those at which
layers restored validation images well, and were not tuned for what they are worth to the classifier."""

SETTINGS: dict[str, Any] = {
    "data": {"name": "mnist", "val_size": 1000, "augment": {"shift": 2.0, "rotation": 10.0}},
    "optim": {"name": "sgd", "nesterov": True, "weight_decay": 5e-4},
    "schedule": {"name": "one-cycle"},
    "train": {"steps": 300, "batch_size": 50, "val_every": 300, "label_smoothing": 0.1},
}
"""The supervised training, the same however a network starts. It was chosen, as its rates were, on validation
images for networks that are not pre-trained: what pre-training is compared with is no straw man (LOG.md)."""

EPOCHS = 0.3
QUICK = {"train.steps": 10, "train.val_every": 10}
QUICK_EPOCHS = 0.01
QUICK_LABELS = (100,)


class PretrainingStudy:
    """Networks with few labels, started from scratch, from auto-encoders and from RBMs."""

    name = "pretraining"
    title = "Unsupervised pre-training with 100, 300 and 1,000 labels on MNIST"
    claim = (
        "Vincent et al. 2008, Lee et al. 2009, Masci et al. 2011: layers that first learn from images alone "
        "classify better where labels are few."
    )
    seeds = 5
    quick_seeds = 2

    def runs(self, *, quick: bool, seeds: int) -> Sequence[StudyRun]:
        """Return the runs; of those that share a pre-training, the first does it."""
        return [
            StudyRun(
                _key(network, num_labels, method),
                network,
                _config(network, num_labels, method, seed, quick=quick),
                chain=None if method == "none" else f"{network}, {method}, seed {seed}",
            )
            for network in NETWORKS
            for seed in range(seeds)
            for num_labels in (QUICK_LABELS if quick else NUM_LABELS)
            for method in METHODS
        ]

    def report(self, folders: StudyFolders, *, quick: bool) -> Findings:
        """Return one table per network, each way to start against none, paired over seeds."""
        num_labels = QUICK_LABELS if quick else NUM_LABELS
        networks = [name for name in NETWORKS if _key(name, num_labels[0], "none") in folders]
        cells = [
            make_cell(
                network,
                labels,
                method,
                folders[_key(network, labels, method)],
                folders[_key(network, labels, "none")],
            )
            for network in networks
            for labels in num_labels
            for method in METHODS
        ]
        tables = [
            network_table(network, [cell for cell in cells if cell.network == network])
            for network in networks
        ]
        return Findings(
            tables=[*tables, costs_table(cells)],
            notes=make_notes(cells),
            pictures=[
                Picture(
                    folders[_key(network, max(num_labels), method)][0].path / file,
                    f"pretraining-{network}-{method}-{Path(file).stem}",
                    f"{network}, {WAYS[method]}, seed 0: {what}",
                )
                for network in networks
                for method in WAYS
                for file, what in ((FILTERS, "filters of the first layer"), (RESTORED, "restored images"))
            ],
            values={"cells": [cell.as_dict() for cell in cells]},
        )


def _key(network: str, num_labels: int, method: str) -> str:
    return f"{network}, {num_labels} labels, {method}"


def _config(network: str, num_labels: int, method: str, seed: int, *, quick: bool) -> RunConfig:
    """Return one run. A seed decides the labelled images too: whatever they are, all methods get the same."""
    config = RunConfig.from_dict(
        {**SETTINGS, "recipe": f"{network}-{num_labels}-{method}", "model": {"name": network}},
        source="study pretraining",
    )
    changes = {**NETWORKS[network], "seed": seed, "data.split_seed": seed, "data.train_size": num_labels}
    if method != "none":
        changes |= {"pretrain.method": method, "pretrain.epochs": QUICK_EPOCHS if quick else EPOCHS}
        changes |= {f"pretrain.{name}": value for name, value in METHODS[method].items()}
    return config.with_changes({**changes, **(QUICK if quick else {})})


PRETRAINING_STUDY = PretrainingStudy()
