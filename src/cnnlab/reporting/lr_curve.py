"""The loss against the learning rate, as a sweep saw it."""

from collections.abc import Sequence

from cnnlab.reporting.canvas import BLUE, GREY, VERMILION, new_figure, to_png, write_title

HEADROOM = 1.15
"""The axis ends so many times above where the loss started: what comes after the explosion tells nothing."""


def lr_curve(
    lrs: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    *,
    suggestion: float | None,
    title: str,
) -> bytes:
    """Draw the loss against the rate, on a logarithmic axis, and mark the rate that is suggested.

    Args:
        lrs: learning rates.
        losses: one for each, in nats.
        smoothed: the same, smoothed.
        suggestion: a rate; None where there is none.
        title: what was swept.

    Returns:
        A picture in PNG.
    """
    from matplotlib.ticker import FuncFormatter

    with new_figure(6.4, 3.9) as figure:
        write_title(figure, title)
        axes = figure.subplots()
        figure.subplots_adjust(left=0.1, right=0.97, top=0.81, bottom=0.15)
        axes.set_title("Training loss (nats) while the rate rises")
        axes.plot(lrs, losses, color=GREY, linewidth=0.6, marker=".", markersize=3, label="each batch")
        axes.plot(lrs, smoothed, color=BLUE, linewidth=1.6, label="smoothed")
        if suggestion is not None:
            label = f"suggested: {suggestion:g}"
            axes.axvline(suggestion, color=VERMILION, linewidth=1.4, linestyle="--", label=label)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("Learning rate")
        lowest, highest = min(losses), max(smoothed[0], min(losses)) * HEADROOM
        axes.set_ylim(lowest - 0.05 * (highest - lowest), highest)
        axes.legend(frameon=False, fontsize=8)
        return to_png(figure)
