"""The verb of `bench` for data: how many images a second are read, decoded and made into batches here."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

from cnnlab.bench import Source, SourceRate, measure_sources
from cnnlab.config import RunConfig
from cnnlab.data import folder_named
from cnnlab.data.images.decode import decode_image
from cnnlab.data.images.decode_many import decode_many
from cnnlab.lab.bench import check_counts, check_names
from cnnlab.lab.image_files import find_images
from cnnlab.lab.resolve import resolve
from cnnlab.lab.splits import load_splits
from cnnlab.training import TrainingBatches, check_augmentation, choose_execution, make_plan, network_size

MAX_DECODED = 2000
"""Files of a folder that are decoded in a turn."""


def bench_data(
    names: Sequence[str | RunConfig], *, rounds: int = 5, calls: int = 5, **options: Any
) -> list[SourceRate]:
    """Time how images come: from disk, from files to pixels, and as batches with each augmentation, in turn.

    Args:
        names: recipes, networks, TOML files, or complete configs, whose images are looked at.
        rounds: how often each part gets its turn.
        calls: batches in a turn.
        **options: for all, as `resolve` takes them: `data`, `batch_size`, `threads`, ...

    Raises:
        ConfigError: a name or an option is wrong.
        DataError: a file is damaged.
        MissingResourceError: the data is not on this machine.
    """
    check_names(names)
    check_counts(rounds, calls, "calls")
    sources = [source for name in names for source in _sources_of(resolve(name, **options))]
    return measure_sources(sources, rounds=rounds, calls=calls)


def _sources_of(config: RunConfig) -> Iterator[Source]:
    title = config.recipe or config.model.name
    train = load_splits(config.data, ("train",))["train"]
    yield Source(title, "read", len(train), 0, lambda: load_splits(config.data, ("train",)))
    folder = folder_named(config.data.name)
    if folder is not None:
        files = find_images([folder])[:MAX_DECODED]

        def decode() -> None:
            for _ in decode_many(files, partial(decode_image, channels=train.in_channels)):
                pass

        yield Source(title, f"decode {len(files):,} files", len(files), 0, decode)
    chosen = config.data.augment
    how = ("fill", "alternating")  # of what others do
    on = [field for field in type(chosen).model_fields if field not in how and getattr(chosen, field)]
    kinds = {"batch": {}, **{f"batch, {field}": {field: getattr(chosen, field)} for field in on}}
    if len(on) > 1:
        kinds["batch, all of these"] = {field: getattr(chosen, field) for field in on}
    for part, settings in kinds.items():
        in_turns = chosen.alternating and "mirror" in settings
        settings = {**settings, "fill": chosen.fill, "alternating": in_turns}
        changed = config.with_changes({"data.augment": settings, "train.candidates": 1})
        check_augmentation(changed.data, train)
        batches = TrainingBatches(train, changed, make_plan(changed, len(train)), choose_execution(changed))
        size = min(config.train.batch_size, len(train))
        values = size * train.in_channels * network_size(changed.data, train) ** 2
        steps = count()
        yield Source(title, part, size, values, lambda b=batches, s=steps: b[next(s)])
