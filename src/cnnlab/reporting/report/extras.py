"""What a report shows beyond run folders, where the images, the weights or the time for it are at hand."""

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
    """What a temperature that was fitted on validation images does on test, for one run.

    Attributes:
        value: the temperature.
        ece_before: the expected calibration error without it.
        ece_after: with it.
    """

    value: float
    ece_before: float
    ece_after: float


@dataclass(frozen=True)
class Latency:
    """How long one image takes on the processor, measured when the report was made.

    Attributes:
        milliseconds: the median over passes.
        low: a quarter of the passes took less, in milliseconds.
        high: a quarter took more.
        num_passes: how many there were.
        threads: of torch.
        processor: its name.
    """

    milliseconds: float
    low: float
    high: float
    num_passes: int
    threads: int
    processor: str


@dataclass(frozen=True)
class NetworkExtras:
    """Of one network, its first seed; each part may be missing.

    Attributes:
        diagram: of its layers.
        slide_diagram: the same in larger letters.
        paper_diagram: the same in rows as wide as a printed page.
        mistakes: the surest first.
        is_answered: whether the test images and the answers to them are here.
        num_mistakes: how many there are.
        num_suspected: mistakes that are so sure that the label may be wrong.
        pixels: which pixels some answers rest on.
        slide_pixels: the same of fewer answers.
        filters: of the first convolution.
        map: of test images, by what the layer before the last says of them.
        map_size: images in it, and values that the layer gives of each.
        temperature: fitted on validation.
        latency: of one image.
    """

    diagram: Picture | None = None
    slide_diagram: Picture | None = None
    paper_diagram: Picture | None = None
    mistakes: tuple[ShownMistake, ...] = ()
    is_answered: bool = False
    num_mistakes: int = 0
    num_suspected: int = 0
    pixels: Picture | None = None
    slide_pixels: Picture | None = None
    filters: Picture | None = None
    map: Picture | None = None
    map_size: tuple[int, int] = (0, 0)
    temperature: Temperature | None = None
    latency: Latency | None = None


@dataclass(frozen=True)
class DataExtras:
    """Of the data set, where it is on this machine; each part may be missing.

    Attributes:
        counts: images of each class, by split.
        samples: training images of each class.
        source: whom to cite; empty if that is not known.
        licence: likewise.
        num_checked: images that were looked at for damage and duplicates; None if none were.
        num_unreadable: files that cannot be read.
        num_altered: files that are not the published ones.
        num_duplicates: pairs of equal images within a split.
        num_shared: images that are in more than one split.
    """

    counts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    samples: Picture | None = None
    source: str = ""
    licence: str = ""
    num_checked: int | None = None
    num_unreadable: int = 0
    num_altered: int = 0
    num_duplicates: int = 0
    num_shared: int = 0


@dataclass(frozen=True)
class Extras:
    """Of all networks, by name, and of the data.

    Attributes:
        networks: by name.
        data: of the data set.
    """

    networks: dict[str, NetworkExtras] = field(default_factory=dict)
    data: DataExtras = field(default_factory=DataExtras)

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
