"""Types of constructor arguments; the registry refuses values outside them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
"""A chance that must not be certainty, such as that of dropping a value."""

NormMomentum = Annotated[float, Field(gt=0.0, le=1.0)]
"""The share of the new batch in batch norm's running averages, as PyTorch counts it.

TensorFlow counts the share of the old average: its decay of 0.997 is 0.003 here.
"""

Width = Annotated[int, Field(ge=1, le=65_536)]
"""A number of channels or of dense outputs."""

LrnPlace = Literal["before-pool", "after-pool"]
"""Where a stage is normalised: the AlexNet paper does it before pooling, Caffe's second form after it."""


def _whole(value: object) -> object:
    """Refuse what only equals a whole number, such as true; raises ValueError."""
    if type(value) is not int:
        raise ValueError("must be 1 or 2")
    return value


Towers = Annotated[Literal[1, 2], BeforeValidator(_whole)]
"""Groups of the convolutions that see one half of the channels each where there are two towers."""
