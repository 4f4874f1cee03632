"""The starting weights that a run's pre-training gives: found where the same has been done, else learnt now.

They are a function of their origin alone, so that a run that was stopped on the way begins again and comes to
the same bits, and runs that differ in what follows, such as the number of labels, share one pre-training.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.models import ImageClassifier
from cnnlab.runs import RunFolder, find_pretraining, save_pretraining
from cnnlab.training.execution import Execution
from cnnlab.training.pretraining.chain import stages_of
from cnnlab.training.pretraining.greedy import pretrain_layers
from cnnlab.training.pretraining.unlabelled import UnlabelledImages
from cnnlab.training.stop import StopRequest


def check_pretraining(config: RunConfig, network: ImageClassifier) -> None:
    """Refuse to pre-train what is no chain of convolutions.

    Raises:
        ConfigError: the network's features are none.
    """
    if config.pretrain.method != "none":
        stages_of(config.model.name, network.features)


def starting_weights(
    network: nn.Module,
    config: RunConfig,
    execution: Execution,
    folder: RunFolder,
    *,
    unlabelled: Dataset,
    val: Dataset,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    say: Callable[[str], None],
    stop: StopRequest,
) -> dict[str, Tensor]:
    """Return the weights of the pre-trained convolutions, under their names in the network.

    Args:
        network: with the weights that it would start from otherwise; may be changed.
        config: what runs.
        execution: where and how.
        folder: the run; what is learnt is kept there, and looked for there and in the runs beside it.
        unlabelled: the images to learn from.
        val: to measure errors of reconstruction on.
        mean: of the normalisation.
        std: likewise.
        say: takes one line about each thing that happens.
        stop: asked before each step.

    Raises:
        ConfigError: the network's features are no chain of convolutions.
        DivergedError: a weight is not a finite number.
        StoppedError: a signal asked to stop.
        MissingResourceError: the disk is full.
    """
    assert isinstance(network, ImageClassifier)
    origin = _describe_origin(config, execution, unlabelled, val)
    found = find_pretraining(folder, origin, warn=say)
    if found is not None:
        pretraining, source = found
        if source.path != folder.path:
            say(f"pre-training: the same was done for {source.path}; its weights are taken")
            save_pretraining(folder, pretraining)
        return pretraining.weights
    say(f"pre-training layer by layer ({config.pretrain.method}) on {len(unlabelled):,} unlabelled images")

    def stop_if_asked(layer: str) -> None:
        if stop.signal is not None:
            raise stop.error_before_start(f"in pre-training {layer}", folder)

    pretraining = pretrain_layers(
        network,
        config,
        execution,
        UnlabelledImages(unlabelled, config.data, execution, seed=config.seed, mean=mean, std=std),
        UnlabelledImages(val, config.data, execution, seed=config.seed, mean=mean, std=std),
        origin=origin,
        before_step=stop_if_asked,
        say=say,
    )
    save_pretraining(folder, pretraining)
    return pretraining.weights


def _describe_origin(
    config: RunConfig, execution: Execution, unlabelled: Dataset, val: Dataset
) -> dict[str, Any]:
    """Return all that a pre-training is a function of, but for the seconds it takes."""
    return {
        "seed": config.seed,
        "model": config.model.model_dump(mode="json"),
        "pretrain": config.pretrain.model_dump(mode="json"),
        "data": {"crop_size": config.data.crop_size, "scale": config.data.scale},
        "execution": execution.as_dict(),
        "fingerprints": {"unlabelled": unlabelled.fingerprint, "val": val.fingerprint},
    }
