"""Types of constructor arguments; the registry refuses values outside them."""

from typing import Annotated

from pydantic import Field

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
"""A chance that must not be certainty, such as that of dropping a value."""

Width = Annotated[int, Field(ge=1, le=65_536)]
"""A number of channels or of dense outputs."""
