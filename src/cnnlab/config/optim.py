"""The update rule and its learning rate: sections of a config."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from cnnlab.config.sections import MAX_FLOAT32, Decay, Fraction, Section


def _check_rising(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse places that are not in order, or twice the same."""
    if list(numbers) != sorted(set(numbers)):
        raise ValueError(f"must rise from one to the next. Received: {list(numbers)!s:.80}")
    return numbers


class OptimConfig(Section):
    """The optimizer."""

    name: Literal["sgd", "adam", "adamw", "adadelta", "rmsprop", "muon"] = "adamw"
    """Which update rule; `muon` for kernels and matrices, sgd beside it for the rest."""
    lr: float = Field(default=1e-3, gt=0.0, le=MAX_FLOAT32)
    """Peak learning rate."""
    momentum: Fraction = 0.9
    """Momentum of sgd and rmsprop, and of what `muon` leaves to sgd."""
    nesterov: bool = False
    """Nesterov's form of the momentum of sgd."""
    muon_momentum: Fraction = 0.6
    """Momentum of muon, in Nesterov's form."""
    renormalise: bool = False
    """Before each update bring every kernel of muon to the norm sqrt(out_channels); for networks with batch
    norm after every convolution, to which the norm makes no difference."""
    head_lr_factor: float = Field(default=1.0, gt=0.0, le=1e6)
    """Factor on the rate of the last dense layer's weights."""
    vector_lr_factor: float = Field(default=1.0, gt=0.0, le=1e6)
    """Factor on the rate of biases and of normalisation scales and shifts."""
    beta1: Decay = 0.9
    """Decay of the first moment of adam and adamw."""
    beta2: Decay = 0.999
    """Decay of the second moment of adam and adamw."""
    rho: Fraction = 0.9
    """Decay of the squared averages of adadelta and rmsprop."""
    eps: float = Field(default=1e-8, gt=0.0, le=MAX_FLOAT32)
    """Added to denominators, if there are any; by adadelta under both roots: it sets the first steps."""
    weight_decay: float = Field(default=0.0, ge=0.0, le=MAX_FLOAT32)
    """L2 penalty (decoupled in adamw, and for what muon makes orthogonal)."""
    decay_all: bool = False
    """Decay biases and normalisation scales too."""
    clip_norm: float | None = Field(default=None, gt=0.0, le=MAX_FLOAT32)
    """Scale gradients down to this global norm."""

    @model_validator(mode="after")
    def _what_goes_together(self) -> Self:
        if self.nesterov and self.momentum == 0.0:
            raise ValueError("nesterov needs a momentum above 0. Received: momentum=0.0")
        if self.renormalise and self.name != "muon":
            raise ValueError(f"renormalise is for muon alone. Received: name={self.name}")
        return self


class ScheduleConfig(Section):
    """The learning rate as a function of the step."""

    name: Literal["constant", "step", "cosine", "one-cycle", "triangle"] = "cosine"
    """The curve; `one-cycle` rises along a cosine until `peak_at`, then falls along another; `triangle`
    does so along straight lines."""
    warmup: Fraction = 0.0
    """Fraction of the run in which the rate first rises linearly to the curve; not for the two that rise by
    themselves, `one-cycle` and `triangle`."""
    start: Fraction = 0.04
    """First rate of the warm-up, of `one-cycle` and of `triangle`, as a fraction of the peak."""
    peak_at: Fraction = 0.3
    """Fraction of the run at which `one-cycle` or `triangle` reaches the peak."""
    final: Fraction = 0.0
    """Last rate of `cosine` and `one-cycle`, as a fraction of the peak; `triangle` ends a step before it."""
    milestones: Annotated[tuple[Fraction, ...], Strict(False), AfterValidator(_check_rising)] = (0.5, 0.75)
    """Fractions of the run, rising, at which `step` multiplies the rate by `gamma`."""
    gamma: Fraction = 0.1
    """Factor of `step`."""

    @model_validator(mode="after")
    def _one_rise(self) -> Self:
        if self.name in ("one-cycle", "triangle") and self.warmup:
            raise ValueError(
                f"{self.name} rises by itself: set peak_at, not warmup. Received: warmup={self.warmup}"
            )
        return self
