"""All that changes while a run goes on, and its way into a checkpoint and back.

There is no random state here: every random number is a function of (seed, purpose, step).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cnnlab import machine
from cnnlab.config import RunConfig
from cnnlab.data import counter_generator
from cnnlab.models import StartsFromImages, create_model
from cnnlab.runs import Checkpoint
from cnnlab.training.batches import TrainingBatches
from cnnlab.training.execution import Execution
from cnnlab.training.optimizers import build_optimizer, optimizer_tensors, restore_optimizer


@dataclass
class Tally:
    """Sums over the training images since the last line of metrics."""

    loss: float = 0.0
    num_correct: int = 0
    num_images: int = 0
    seconds: float = 0.0

    def add(self, loss: float, num_correct: int, num_images: int, seconds: float = 0.0) -> None:
        """Add one batch; `loss` is its mean."""
        self.loss += loss * num_images
        self.num_correct += num_correct
        self.num_images += num_images
        self.seconds += seconds

    @property
    def mean_loss(self) -> float:
        """Mean loss per image."""
        return self.loss / self.num_images

    @property
    def top1(self) -> float:
        """Share of images classified right."""
        return self.num_correct / self.num_images

    @property
    def images_per_s(self) -> float:
        """Throughput of the steps alone, without validations and checkpoints."""
        return self.num_images / self.seconds if self.seconds else 0.0


@dataclass
class TrainingState:
    """A run between two steps.

    Attributes:
        model: the network being trained.
        optimizer: with its moments.
        ema: the moving average of the weights, if the config asks for one.
        step: updates done.
        seconds: time spent in training so far, over all sittings.
        peak_memory_bytes: the most that a training process held, over all sittings.
        tally: training loss and accuracy since the last line of metrics.
        val_top1: accuracy of the last validation.
        best_top1: best validation accuracy so far.
        num_worse: validations since then.
        best: weights at the best validation; empty unless `keep = "best"`.
        inexact_at: steps after which the run went on with other settings or another way of computing.
    """

    model: nn.Module
    optimizer: Optimizer
    ema: AveragedModel | None
    step: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    tally: Tally = field(default_factory=Tally)
    val_top1: float = 0.0
    best_top1: float = -1.0
    num_worse: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    inexact_at: list[int] = field(default_factory=list)

    @property
    def evaluated_model(self) -> nn.Module:
        """The network that validation looks at: the moving average if there is one."""
        return self.ema.module if self.ema is not None else self.model

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Put pre-trained weights, by name, in the place of the network's own, before the first step."""
        for network in (self.model, self.evaluated_model):
            network.load_state_dict({**network.state_dict(), **weights})

    def start_from_images(self, batches: TrainingBatches) -> None:
        """Let a network that does so make weights from training images, before the first step."""
        if isinstance(self.model, StartsFromImages):
            images = batches.some_images()
            for network in {self.model, self.evaluated_model}:
                assert isinstance(network, StartsFromImages)
                network.start_from_images(images)

    def final_weights(self) -> dict[str, Tensor]:
        """Return the weights that the run ends with."""
        return self.best or self.evaluated_model.state_dict()

    def note_validation(self, top1: float, *, keep_best: bool) -> None:
        """Remember this validation, and the weights if it is the best and they may be wanted."""
        self.val_top1 = top1
        if top1 > self.best_top1:
            self.best_top1, self.num_worse = top1, 0
            if keep_best:
                weights = self.evaluated_model.state_dict()
                self.best = {name: value.detach().clone() for name, value in weights.items()}
        else:
            self.num_worse += 1

    def to_checkpoint(self, *, origin: dict[str, Any], metrics_bytes: int) -> Checkpoint:
        """Collect everything that `restore` needs, and what decides the run's bits, `describe_origin`."""
        self.peak_memory_bytes = max(self.peak_memory_bytes, machine.peak_memory_bytes())
        tensors = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"optimizer/{k}": v for k, v in optimizer_tensors(self.optimizer, self.model).items()}
        tensors |= {f"best/{name}": value for name, value in self.best.items()}
        if self.ema is not None:
            tensors |= {f"ema/{name}": value for name, value in self.ema.state_dict().items()}
        state: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
            "tally": vars(self.tally),
            "val_top1": self.val_top1,
            "best_top1": self.best_top1,
            "num_worse": self.num_worse,
            "inexact_at": self.inexact_at,
            "origin": origin,
            "metrics_bytes": metrics_bytes,
        }
        return Checkpoint(tensors, state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become the state that `to_checkpoint` collected."""
        tensors, state = checkpoint.tensors, checkpoint.state
        self.model.load_state_dict(_under("model/", tensors))
        restore_optimizer(self.optimizer, self.model, _under("optimizer/", tensors))
        if self.ema is not None:
            self.ema.load_state_dict(_under("ema/", tensors))
        self.best = _under("best/", tensors)
        self.step, self.seconds = state["step"], state["seconds"]
        self.peak_memory_bytes = state["peak_memory_bytes"]
        self.tally = Tally(**state["tally"])
        self.val_top1 = state["val_top1"]
        self.best_top1, self.num_worse = state["best_top1"], state["num_worse"]
        self.inexact_at = list(state["inexact_at"])


def new_state(
    config: RunConfig, execution: Execution, *, in_channels: int, num_classes: int, image_size: int
) -> TrainingState:
    """Return the state before the first step; the weights are a function of the seed.

    Raises:
        ConfigError: the network or one of its arguments is unknown.
        GeometryError: the images are too small for the network.
    """
    torch.manual_seed(counter_generator(config.seed, "weights").initial_seed())
    model = create_model(
        config.model.name,
        in_channels=in_channels,
        num_classes=num_classes,
        image_size=image_size,
        **config.model.args,
    )
    model = model.to(execution.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer = build_optimizer(config.optim, model)
    decay = config.train.ema_decay
    ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True) if decay else None
    execution.prepare(model, optimizer)
    return TrainingState(model, optimizer, ema)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
