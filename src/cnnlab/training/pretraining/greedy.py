"""Layer by layer, from the images up: each layer learns from what the layers below it, done before, put out.

Source: Y. Bengio et al., "Greedy Layer-Wise Training of Deep Networks", NIPS 2006.
"""

import time
from collections.abc import Callable
from typing import Any

from torch import Tensor

from cnnlab.config import RunConfig
from cnnlab.data import counter_generator
from cnnlab.errors import DivergedError
from cnnlab.models import ImageClassifier
from cnnlab.runs import PretrainedLayer, Pretraining, PretrainingRecord
from cnnlab.training.divergence import first_non_finite
from cnnlab.training.execution import Execution
from cnnlab.training.pretraining.chain import Stage, stages_of
from cnnlab.training.pretraining.layer import (
    NUM_PROBED,
    LayerInput,
    Learner,
    Restored,
    learn,
    make_learner,
    put_into,
    restore,
)
from cnnlab.training.pretraining.unlabelled import UnlabelledImages, num_steps
from cnnlab.training.progress import format_seconds

NUM_DRAWN = 10
"""Images in the picture of what is restored."""


RUINED = 10.0
"""Times the variance, and times the error before: a layer that restores so badly has learnt nothing."""


def pretrain_layers(
    network: ImageClassifier,
    config: RunConfig,
    execution: Execution,
    images: UnlabelledImages,
    unseen: UnlabelledImages,
    *,
    origin: dict[str, Any],
    before_step: Callable[[str], None],
    say: Callable[[str], None],
) -> Pretraining:
    """Pre-train the convolutions of a network in place.

    Args:
        network: on the device, with its starting weights; its features are a chain, see `stages_of`.
        config: method, length, rate and seed.
        execution: the precision.
        images: to learn from.
        unseen: to measure errors on.
        origin: what the outcome is a function of, kept with it.
        before_step: called with the name of the layer before each of its steps; may raise to stop.
        say: takes one line per layer.

    Returns:
        The weights that were learnt, with figures and pictures.

    Raises:
        DivergedError: a layer's weights are no finite numbers, or restore far worse than before.
        DataError: all images are the same to a layer.
    """
    network.eval()  # no dropout
    below: list[Stage] = []
    layers: list[PretrainedLayer] = []
    pictures: dict[str, Tensor] = {}
    for stage in stages_of(config.model.name, network.features):
        start = time.perf_counter()
        maps = LayerInput(below, images, execution)
        learner = make_learner(config, stage, maps)
        filters = {
            "filters before": learner.weight.detach().clone(),
            "filters after": learner.weight.detach(),
        }
        before = _look(learner, maps, unseen, config, execution)
        learn(learner, maps, images, config, execution, before_step=lambda name=stage.name: before_step(name))
        if name := first_non_finite(dict(learner.named_parameters())):
            raise DivergedError(
                f"pretrain.lr: in pre-training {stage.name!r} its {name!r} left the finite numbers at "
                f"{config.pretrain.lr:g}. Try a lower one."
            )
        after = _look(learner, maps, unseen, config, execution)
        if not after.error <= max(RUINED, RUINED * before.error):
            raise DivergedError(
                f"pretrain.lr: in pre-training {stage.name!r} the error of reconstruction rose from "
                f"{before.error:.3g} to {after.error:.3g} of the variance. Try a lower one. "
                f"Received: {config.pretrain.lr:g}."
            )
        pictures = pictures or {**filters, **_as_pixels(after, maps, unseen)}
        put_into(stage, learner, maps)
        below.append(stage)
        layers.append(
            PretrainedLayer(
                layer=stage.name,
                steps=num_steps(config.pretrain, len(images)),
                error_before=before.error,
                error=after.error,
                seconds=time.perf_counter() - start,
            )
        )
        say(_line(config, layers[-1]))
    return Pretraining(
        weights={
            f"features.{stage.name}.{name}": parameter.detach().clone()
            for stage in below
            for name, parameter in stage.conv.named_parameters()
        },
        pictures=pictures,
        record=PretrainingRecord(
            method=config.pretrain.method, num_images=len(images), layers=layers, origin=origin
        ),
    )


def _look(
    learner: Learner, maps: LayerInput, unseen: UnlabelledImages, config: RunConfig, execution: Execution
) -> Restored:
    """Let a learner restore images that it does not learn from; each time the same ones, corrupted alike."""
    generator = counter_generator(config.seed, "pretrain look", len(maps.below))
    return restore(learner, maps(unseen.sample(NUM_PROBED)), execution, generator)


def _as_pixels(seen: Restored, maps: LayerInput, images: UnlabelledImages) -> dict[str, Tensor]:
    """Return what was restored of a few images, in units of [0, 1]."""
    return {name: images.to_pixels(tensor[:NUM_DRAWN] * maps.scale) for name, tensor in vars(seen).items()}


def _line(config: RunConfig, layer: PretrainedLayer) -> str:
    return (
        f"pre-training {layer.layer} ({config.pretrain.method}): {layer.steps:,} steps, reconstruction error "
        f"{layer.error_before:.3f}, then {layer.error:.3f} of the variance, {format_seconds(layer.seconds)}"
    )
