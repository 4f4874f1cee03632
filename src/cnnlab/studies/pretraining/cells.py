"""One network with so many labels, started in one way: what its runs are worth against those of `none`."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from cnnlab.runs import RunFolder, read_record
from cnnlab.studies.paired import Gain, accuracy_of, gain_of


@dataclass(frozen=True)
class Cell:
    """One network, with so many labels, started in one way.

    Attributes:
        network: its name.
        num_labels: how many images it was told the class of.
        method: how it was pre-trained, `none` if it was not.
        num_images: of the test.
        top1: of each seed on all test images, as a fraction.
        interval: of their mean, 95 %, t over seeds, ends cut to [0, 1]; None for one seed.
        difference: to `none` with the same images and seed, mean over seeds; None for `none` itself.
        difference_interval: 95 %, t over seeds; None for one seed.
        p_value: paired t test, two-sided; likewise.
        errors: of reconstruction, by layer: the mean over seeds.
        pretrain_seconds: mean over seeds.
    """

    network: str
    num_labels: int
    method: str
    num_images: int
    top1: tuple[float, ...]
    interval: tuple[float, float] | None
    difference: float | None
    difference_interval: tuple[float, float] | None
    p_value: float | None
    errors: dict[str, float]
    pretrain_seconds: float

    @property
    def verdict(self) -> str:
        """What the paired test says, in a word or two."""
        if self.difference is None:
            return ""
        return Gain(self.difference, self.difference_interval, self.p_value).verdict


def make_cell(
    network: str, num_labels: int, method: str, group: Sequence[RunFolder], baseline: Sequence[RunFolder]
) -> Cell:
    """Work out one cell.

    Args:
        network: its name.
        num_labels: how many images it was told the class of.
        method: how it was pre-trained.
        group: its runs, one per seed.
        baseline: those of `none`, for the same seeds in the same order.

    Raises:
        RunError: a run is damaged, or saw other images than the one it is paired with.
    """
    accuracy, gain = accuracy_of(group), gain_of(group, baseline) if method != "none" else None
    records = [record for folder in group if (record := read_record(folder)) is not None]
    layers = records[0].layers if records else []
    return Cell(
        network=network,
        num_labels=num_labels,
        method=method,
        **vars(accuracy),
        difference=gain and gain.difference,
        difference_interval=gain and gain.interval,
        p_value=gain and gain.p_value,
        errors={
            layer.layer: fmean(record.layers[place].error for record in records)
            for place, layer in enumerate(layers)
        },
        pretrain_seconds=fmean(
            [sum(layer.seconds for layer in record.layers) for record in records] or [0.0]
        ),
    )
