"""How fast images come: read from disk, decoded, and made into augmented batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from cnnlab.bench.floor import copy_rate
from cnnlab.bench.peers import timed

BYTES_PER_VALUE = 1 + 4
"""The least that a pixel costs: it is read as a byte and written as a float32."""


@dataclass(frozen=True)
class Source:
    """One way in which images come.

    Attributes:
        name: what the table calls it.
        part: `read`, `decode`, or the augmentation of a batch.
        num_images: that one call brings.
        num_values: pixels times channels that a call brings to float32, of a batch; 0 for others.
        bring: does it once.
    """

    name: str
    part: str
    num_images: int
    num_values: int
    bring: Callable[[], object]


@dataclass(frozen=True)
class SourceRate:
    """What was measured of a source; one number per round in each list.

    Attributes:
        source: which.
        seconds: of a call.
        copy_rates: bytes/s of a plain copy, read and written, just before.
    """

    source: Source
    seconds: tuple[float, ...]
    copy_rates: tuple[float, ...]

    @property
    def images_per_s(self) -> float:
        """The median over rounds."""
        return self.source.num_images / median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """Lower and upper quartile of images/s over rounds."""
        rates = [self.source.num_images / one for one in self.seconds]
        low, _, high = quantiles(rates, n=4, method="inclusive")
        return low, high

    @property
    def share(self) -> float | None:
        """What part of the copy rate the bytes of a batch reach; None of what is no batch."""
        num_bytes = BYTES_PER_VALUE * self.source.num_values
        pairs = zip(self.seconds, self.copy_rates, strict=True)
        return median(num_bytes / one / rate for one, rate in pairs) if num_bytes else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON: images/s, bytes/s, seconds; shares as fractions."""
        return {
            "name": self.source.name,
            "part": self.source.part,
            "num_images": self.source.num_images,
            "images_per_s": self.images_per_s,
            "images_per_s_quartiles": list(self.spread),
            "copy_bytes_per_s": median(self.copy_rates),
            "share_of_copy_rate": self.share,
            "seconds": list(self.seconds),
        }


def measure_sources(sources: Sequence[Source], *, rounds: int, calls: int) -> list[SourceRate]:
    """Time all of them in every round; the first round is not counted.

    Args:
        sources: what is timed.
        rounds: how often each gets its turn, at least 2.
        calls: batches in a turn; what reads or decodes is called once.
    """
    seconds: list[list[float]] = [[] for _ in sources]
    rates: list[list[float]] = [[] for _ in sources]
    for _ in range(1 + rounds):
        for place, source in enumerate(sources):
            rates[place].append(copy_rate())
            num_calls = calls if source.num_values else 1
            seconds[place].append(median(timed(source.bring, num_calls)))
    columns = zip(sources, seconds, rates, strict=True)
    return [SourceRate(source, tuple(one[1:]), tuple(other[1:])) for source, one, other in columns]


def sources_table(results: Sequence[SourceRate]) -> tuple[list[str], list[list[str]], list[str]]:
    """Return the header, the rows and the notes of a table for people."""
    header = ["name", "part", "images/s", "quartiles", "of the copy rate"]
    rows = []
    for result in results:
        low, high = result.spread
        share = "" if result.share is None else f"{result.share:.0%}"
        row = [result.source.name, result.source.part, f"{result.images_per_s:,.0f}"]
        rows.append([*row, f"{low:,.0f} to {high:,.0f}", share])
    rates = [rate for result in results for rate in result.copy_rates]
    note = (
        f"Copy in memory, read and written: {median(rates) / 1e9:.1f} GB/s. A batch costs a byte read and "
        f"four written for each value, at least. Medians over {len(results[0].seconds)} rounds in turn."
    )
    return header, rows, [note]
