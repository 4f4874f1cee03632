"""What a report shows beyond run folders, where the images or the time for it are at hand."""

from dataclasses import dataclass, field

from torch import Tensor

from cnnlab.reporting.canvas import Picture


@dataclass(frozen=True)
class ShownMistake:
    """One test image that a network got wrong.

    Attributes:
        pixels: C x H x W, uint8.
        index: in the test set.
        true: index of its class.
        predicted: index of the answer.
        prob: the answer's probability.
    """

    pixels: Tensor
    index: int
    true: int
    predicted: int
    prob: float


@dataclass(frozen=True)
class Temperature:
    """What a temperature that was fitted on validation images does on test.

    Attributes:
        value: the temperature.
        ece_before: the expected calibration error without it.
        ece_after: with it.
    """

    value: float
    ece_before: float
    ece_after: float


@dataclass(frozen=True)
class NetworkExtras:
    """Of one network; each part may be missing.

    Attributes:
        samples: test images with answers.
        mistakes: the surest first.
        pixels: which pixels some answers rest on.
        filters: of the first convolution.
        temperature: fitted on validation.
    """

    samples: Picture | None = None
    mistakes: tuple[ShownMistake, ...] = ()
    pixels: Picture | None = None
    filters: Picture | None = None
    temperature: Temperature | None = None


@dataclass(frozen=True)
class Extras:
    """Of all networks, by name.

    Attributes:
        networks: by name.
    """

    networks: dict[str, NetworkExtras] = field(default_factory=dict)

    def of(self, name: str) -> NetworkExtras:
        """Return a network's, empty ones if there are none."""
        return self.networks.get(name, NetworkExtras())


@dataclass(frozen=True)
class Cover:
    """What stands on the first page; each may be empty.

    Attributes:
        title: of the report.
        course: for which it was written.
        author: who wrote it.
        date: when.
    """

    title: str = ""
    course: str = ""
    author: str = ""
    date: str = ""
