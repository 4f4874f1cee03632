"""One convolution, pre-trained on what the layers below it make of images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Adam

from cnnlab.config import RunConfig, ScheduleConfig
from cnnlab.data import counter_generator
from cnnlab.errors import DataError
from cnnlab.training.execution import Execution
from cnnlab.training.optimizers import set_lr
from cnnlab.training.pretraining.autoencoder import Autoencoder
from cnnlab.training.pretraining.chain import Stage
from cnnlab.training.pretraining.rbm import ConvRBM
from cnnlab.training.pretraining.unlabelled import UnlabelledImages, num_steps
from cnnlab.training.schedules import lr_factor

NUM_PROBED = 200
"""Images by which a layer's scales are worked out, and others on which its errors are measured."""

LEAST_SCALE = 1e-6
"""Below this deviation, in units of normalised pixels, maps differ by rounding alone."""

FALLING = ScheduleConfig(name="cosine")

Learner = Autoencoder | ConvRBM


class LayerInput:
    """What a layer takes: images as the layers below leave them, brought to a variance of 1 by one factor.

    Attributes:
        below: the stages below, without dropout.
        probe: the input of the layer for a sample of the images, before it is brought to scale.
        scale: the root of its variance round its channels' means.
        mean: of each channel, after it is brought to scale.
    """

    def __init__(self, below: Sequence[Stage], images: UnlabelledImages, execution: Execution) -> None:
        self.below, self._execution = tuple(below), execution
        self.probe = self._through(images.sample(NUM_PROBED))
        self.scale = math.sqrt(_variance(self.probe))
        if self.scale < LEAST_SCALE:
            raise DataError(
                f"pretrain.method: there is nothing to learn from: what layer {1 + len(below)} sees is the "
                "same everywhere. Take other images, or set it to none."
            )
        self.mean = self.probe.mean((0, 2, 3)) / self.scale

    def __call__(self, images: Tensor) -> Tensor:
        """Return the layer's input, N x C x H x W, float32."""
        return self._through(images) / self.scale

    @torch.no_grad()
    def _through(self, images: Tensor) -> Tensor:
        with self._execution.autocast():
            for stage in self.below:
                images = stage.forward(images)
        return images.float()


@dataclass(frozen=True)
class Restored:
    """A layer's input and what its learner makes of it, each N x C x H x W, in the layer's scale.

    Attributes:
        originals: the input.
        corrupted: what the learner was shown of it.
        restored: what it gave back.
    """

    originals: Tensor
    corrupted: Tensor
    restored: Tensor

    @property
    def error(self) -> float:
        """Mean squared error, as a share of the input's variance round its channels' means."""
        return float((self.restored - self.originals).square().mean()) / _variance(self.originals)


def make_learner(config: RunConfig, stage: Stage, maps: LayerInput) -> Learner:
    """Return the auto-encoder or the RBM that a stage's convolution becomes, before its first step."""
    if config.pretrain.method == "autoencoder":
        return Autoencoder(stage, maps.mean, corruption=config.pretrain.corruption)
    return ConvRBM(stage, maps.mean, sparsity=config.pretrain.sparsity)


def learn(
    learner: Learner,
    maps: LayerInput,
    images: UnlabelledImages,
    config: RunConfig,
    execution: Execution,
    *,
    before_step: Callable[[], None],
) -> None:
    """Do a layer's steps; all that is drawn is a function of (seed, layer, step).

    Args:
        learner: changed in place.
        maps: from images to its input.
        images: to learn from.
        config: the length, the rate and the seed.
        execution: the precision.
        before_step: called before each step; may raise to stop.
    """
    settings, seed, layer = config.pretrain, config.seed, len(maps.below)
    optimizer = Adam(learner.parameters(), settings.lr, fused=True)
    total = num_steps(settings, len(images))
    for step, batch in enumerate(images.batches(settings, seed=seed, layer=layer)):
        before_step()
        set_lr(optimizer, settings.lr * lr_factor(FALLING, step, total))
        inputs = maps(batch)
        with execution.autocast():
            learner.set_gradients(inputs, counter_generator(seed, "pretrain", layer, step))
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def restore(learner: Learner, maps: Tensor, execution: Execution, generator: torch.Generator) -> Restored:
    """Corrupt a layer's input and restore it."""
    corrupted = learner.corrupt(maps, generator)
    with execution.autocast():
        restored = learner.restore(corrupted)
    return Restored(maps, corrupted, restored.float())


@torch.no_grad()
def put_into(stage: Stage, learner: Learner, maps: LayerInput) -> None:
    """Give a convolution the weights that were learnt.

    They were learnt on inputs brought to scale, which is undone. Behind a rectifier, through which a factor
    passes unchanged, weights and bias are brought to the strength of the starting weights they replace, so
    that the supervised training meets signals of the size that the network was made for.
    """
    before = stage.activation(stage.conv(maps.probe)).square().mean()
    stage.conv.weight.copy_(learner.weight / maps.scale)
    if stage.conv.bias is not None:
        stage.conv.bias.copy_(learner.network_bias())
    if isinstance(stage.activation, nn.ReLU):
        after = stage.activation(stage.conv(maps.probe)).square().mean()
        factor = float((before / after).sqrt()) if after > 0 else 1.0
        for parameter in stage.conv.parameters():
            parameter.mul_(factor)


def _variance(maps: Tensor) -> float:
    """Return the variance round the means of the channels; not quite 0 where all is the same."""
    deviations = maps - maps.mean((0, 2, 3), keepdim=True)
    return max(float(deviations.square().mean()), torch.finfo(torch.float32).tiny)
