"""One network with so many labels, started in one way: what its runs are worth against those of `none`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from cnnlab.runs import RunFolder, read_record
from cnnlab.studies.paired import Accuracy, Gain, accuracy_of, gain_of


@dataclass(frozen=True)
class Cell:
    """One network, with so many labels, started in one way.

    Attributes:
        network: its name.
        num_labels: how many images it was told the class of.
        method: how it was pre-trained, `none` if it was not.
        accuracy: on all test images.
        gain: against `none` with the same images and seeds; None for `none` itself.
        errors: of reconstruction, by layer: the mean over seeds.
        pretrain_seconds: mean over seeds.
    """

    network: str
    num_labels: int
    method: str
    accuracy: Accuracy
    gain: Gain | None
    errors: dict[str, float]
    pretrain_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON: accuracies and differences as fractions, seconds."""
        gain = self.gain
        return {
            "network": self.network,
            "num_labels": self.num_labels,
            "method": self.method,
            **asdict(self.accuracy),
            "difference": gain and gain.difference,
            "difference_interval": gain and gain.interval,
            "p_value": gain and gain.p_value,
            "errors": self.errors,
            "pretrain_seconds": self.pretrain_seconds,
            "verdict": gain.verdict if gain else "",
        }


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
    records = [record for folder in group if (record := read_record(folder)) is not None]
    layers = records[0].layers if records else []
    return Cell(
        network=network,
        num_labels=num_labels,
        method=method,
        accuracy=accuracy_of(group),
        gain=gain_of(group, baseline) if method != "none" else None,
        errors={
            layer.layer: fmean(record.layers[place].error for record in records)
            for place, layer in enumerate(layers)
        },
        pretrain_seconds=fmean(
            [sum(layer.seconds for layer in record.layers) for record in records] or [0.0]
        ),
    )
