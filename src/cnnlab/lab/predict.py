"""`predict`: what is on these pictures, says a finished run."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from cnnlab import machine
from cnnlab.data.images.decode import decode_image
from cnnlab.data.images.resize import resize_image
from cnnlab.errors import ConfigError, DataError
from cnnlab.evaluation import ONE_VIEW, Run, check_run_views, load_run, predict_probs, views_in_words
from cnnlab.lab.image_files import find_images
from cnnlab.pictures import decode_picture, is_grey_file
from cnnlab.threads import set_threads

BATCH_SIZE = 256
"""Pictures that the network sees at once, while as many are decoded; more are never held. Of 64, either waits
for the other half of its time."""


@dataclass(frozen=True)
class Prediction:
    """The answer for one file.

    Attributes:
        file: its path.
        labels: class names with their probabilities, most probable first; empty if there is an error.
        error: why there is no answer, in one line.
    """

    file: str
    labels: tuple[tuple[str, float], ...]
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON; probabilities are fractions."""
        labels = [{"label": label, "prob": prob} for label, prob in self.labels]
        return {"file": self.file, "labels": labels, "error": self.error}


def predict(
    run_path: Path | str,
    sources: Sequence[Path | str] | Path | str,
    *,
    top_k: int = 3,
    tta: str = "none",
    average: str = "probs",
    warn: Callable[[str], None] | None = None,
) -> list[Prediction]:
    """Classify pictures.

    For a network trained on digits, a photo or scan of one is brought to light strokes on black, centred as
    in its training images. For others the central square is cut out and resized.

    Args:
        run_path: a run folder.
        sources: files, folders (with all below them) and patterns such as `scans/*.png`.
        top_k: how many labels to return for each, at most.
        tta: views of each picture: `none`, `mirror`, `ten-crop`, ..., see `evaluation.views`.
        average: what of several views is averaged: `logits` or `probs`; of one view nothing is.
        warn: takes one line, once, if grey pictures are made colour for the network.

    Returns:
        One answer per file, in the order of the sources, sorted within each. A file that cannot be read, or
        shows nothing, has its `error` in place of labels.

    Raises:
        ConfigError: `top_k` is not at least 1, there are no such views, the run's images do not have them, or
            the logits of one view are to be averaged.
        RunError: the run is missing, unfinished or damaged.
        MissingResourceError: a source matches no file.

    Example:
        >>> run = cnnlab.train("convnet_mnist", data="digits", epochs=5)
        >>> digits = cnnlab.load_data("digits", splits=["test"])["test"]
        >>> Image.fromarray(digits.images[0, 0].numpy()).save("scan.png")
        >>> (answer,) = cnnlab.predict(run, "scan.png")
        >>> [label for label, prob in answer.labels][0] == digits.class_names[int(digits.labels[0])]
        True
    """
    return list(iter_predictions(run_path, sources, top_k=top_k, tta=tta, average=average, warn=warn))


def iter_predictions(
    run: Run | Path | str,
    sources: Sequence[Path | str] | Path | str,
    *,
    top_k: int = 3,
    tta: str = "none",
    average: str = "probs",
    warn: Callable[[str], None] | None = None,
) -> Iterator[Prediction]:
    """As `predict`, one answer after the other: memory does not grow with the number of files."""
    if top_k < 1:
        raise ConfigError(f"top_k: must be at least 1. Received: {top_k}.")
    sources = [sources] if isinstance(sources, Path | str) else sources
    run = run if isinstance(run, Run) else load_run(run)
    check_run_views(run, tta, average)
    if average == "logits" and views_in_words(tta, average) == ONE_VIEW:
        raise ConfigError(
            "average: one view has no average, and tta is none if not given; choose several views by tta, "
            f"mirror or ten-crop, or leave average out. Received: average={average}, tta={tta}."
        )
    files = find_images(sources)
    set_threads(machine.default_threads())
    machine.keep_freed_memory()
    return _predictions(run, files, top_k, {"tta": tta, "average": average}, warn)


def _predictions(
    run: Run,
    files: Sequence[Path],
    top_k: int,
    views: dict[str, str],
    warn: Callable[[str], None] | None,
) -> Iterator[Prediction]:
    remaining = iter(files)
    warn = warn if run.in_channels == 3 else None
    with ThreadPoolExecutor(machine.num_cores()) as threads:  # decoders release Python's lock

        def start() -> tuple[list[Path], list[Future[Tensor | str]]]:
            batch = list(islice(remaining, BATCH_SIZE))
            return batch, [threads.submit(_prepared_or_error, run, file) for file in batch]

        batch, futures = start()
        while batch:
            prepared = [future.result() for future in futures]
            if warn is not None and (grey := _first_grey(batch, prepared)) is not None:
                warn(
                    f"{grey}: is grey and is made colour, which the network takes, as is any other grey "
                    "picture."
                )
                warn = None  # once is enough
            images = [image for image in prepared if isinstance(image, Tensor)]
            next_batch, futures = start()
            rows = iter(predict_probs(run, torch.stack(images), **views) if images else ())
            wait(futures)  # nothing is decoded while the caller has its turn, see `decode_many`
            for file, image in zip(batch, prepared, strict=True):
                if isinstance(image, Tensor):
                    yield Prediction(str(file), _best(next(rows), run.class_names, top_k))
                else:
                    yield Prediction(str(file), (), image)
            batch = next_batch


def _first_grey(files: Sequence[Path], prepared: Sequence[Tensor | str]) -> Path | None:
    """Return the first of the files that could be read and are grey."""
    read = (file for file, image in zip(files, prepared, strict=True) if isinstance(image, Tensor))
    return next((file for file in read if is_grey_file(file)), None)


def prepare_image(run: Run, file: Path) -> Tensor:
    """Return a picture of the form of the run's images, C x image_size x image_size, uint8.

    Raises:
        DataError: the file is not an image that can be read, or shows no digit where one is needed.
    """
    if not run.is_digits:  # torch is quicker at large photographs than `pictures`, with the same result
        return resize_image(decode_image(file, channels=run.in_channels), run.image_size)
    pixels = run.preparation.pixels(decode_picture(file, channels=1), name=str(file))
    return torch.from_numpy(pixels.copy())


def _prepared_or_error(run: Run, file: Path) -> Tensor | str:
    try:
        return prepare_image(run, file)
    except DataError as error:
        return " ".join(str(error).split())


def _best(probs: Tensor, class_names: tuple[str, ...], top_k: int) -> tuple[tuple[str, float], ...]:
    order = probs.argsort(descending=True, stable=True).tolist()[:top_k]
    return tuple((class_names[index], float(probs[index])) for index in order)


def write_csv(
    predictions: Iterator[Prediction] | Sequence[Prediction], file: TextIO, *, top_k: int = 3
) -> None:
    """Write one line per file, as answers come: path, labels with probabilities (fractions), error.

    The file must be opened with `newline=""`.
    """
    writer = csv.writer(file, lineterminator="\n")
    numbers = range(1, top_k + 1)
    writer.writerow(["file", *(f"{what}{n}" for n in numbers for what in ("label", "prob")), "error"])
    for prediction in predictions:
        cells = [cell for label, prob in prediction.labels[:top_k] for cell in (label, f"{prob:.6f}")]
        empty = [""] * (2 * top_k - len(cells))
        writer.writerow([prediction.file, *cells, *empty, prediction.error or ""])


def write_json(predictions: Iterator[Prediction] | Sequence[Prediction], file: TextIO) -> None:
    """Write a JSON list with one object per file, as answers come; ASCII, whatever the names hold."""
    separator = "[\n"
    for prediction in predictions:
        file.write(separator + json.dumps(prediction.as_dict()))
        separator = ",\n"
    file.write("[]\n" if separator == "[\n" else "\n]\n")
