"""The study's tables, and what a reader must know to trust them."""

from collections.abc import Sequence

from cnnlab.reporting import Table
from cnnlab.studies.paired import accuracy_texts, gain_texts
from cnnlab.studies.pretraining.cells import Cell

NETWORK_HEADER = (
    "labels",
    "pre-training",
    "test top1",
    "95 % interval",
    "against none",
    "95 % interval",
    "p",
    "verdict",
)


def network_table(network: str, cells: Sequence[Cell]) -> Table:
    """Return a network's accuracies, each way to start against none."""
    return Table(NETWORK_HEADER, [_row(cell) for cell in cells], "><>>>>><", title=network)


def costs_table(cells: Sequence[Cell]) -> Table:
    """Return what pre-training reached and took, once for each network and method."""
    rows = [
        [
            cell.network,
            cell.method,
            ", ".join(f"{layer} {error:.3f}" for layer, error in cell.errors.items()),
            f"{cell.pretrain_seconds:.0f} s",
        ]
        for cell in cells
        if cell.errors and cell.num_labels == cells[0].num_labels
    ]
    header = ("network", "pre-training", "error of reconstruction", "time")
    return Table(header, rows, "<<<>", title="What pre-training reached")


def make_notes(cells: Sequence[Cell]) -> list[str]:
    """Return how the figures were come by."""
    num_images = cells[0].accuracy.num_images
    num_tests = sum(cell.method != "none" for cell in cells)
    return [
        f"Test top1 on all {num_images:,} test images, looked at once per run; mean and t interval "
        "over seeds.",
        "A seed decides weights, labelled images and validation images; all ways to start get the same.",
        "The supervised training was chosen on 2,000 to 3,000 labelled validation images, which nobody with "
        "100 labels has; it is the same for all. Pre-trained runs take the mean and deviation of "
        "their pixels from all images, the others from the labelled ones: a second, small difference.",
        f"Against none: points of top1, paired over seeds; paired t test, two-sided, each of the {num_tests} "
        "pairs by itself: where nothing differs, one in twenty falls below 0.05.",
        "Error of reconstruction: mean square on validation images, as a share of the variance of a layer's "
        "input; from corrupted input for the auto-encoder, so that methods cannot be compared by it.",
        "Runs that differ in labels alone share one pre-training; its time is that of the run that did it.",
    ]


def _row(cell: Cell) -> list[str]:
    return [f"{cell.num_labels:,}", cell.method, *accuracy_texts(cell.accuracy), *gain_texts(cell.gain)]
