"""`explain`: what a network has learned and which pixels its answers rest on, as pictures and a page."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from cnnlab import machine
from cnnlab.data import Dataset
from cnnlab.errors import CnnlabError, ConfigError, RunError
from cnnlab.evaluation import Run, StoredPredictions, load_predictions, load_run
from cnnlab.explain import (
    MIN_IN_MAP,
    suspected_labels,
)
from cnnlab.lab.explain_images import ExplainedImage, attributions_of, chosen_images
from cnnlab.lab.explain_pictures import Words, draw_images, draw_network, draw_test
from cnnlab.lab.image_files import find_images
from cnnlab.lab.predict import prepare_image
from cnnlab.lab.splits import load_split
from cnnlab.models import layer_table
from cnnlab.reporting import (
    LANGUAGES,
    NO_FONT,
    Picture,
    Shown,
    Text,
    chinese_font,
    drawable_text,
    explain_page,
    run_title,
)
from cnnlab.runs.atomic import write_bytes
from cnnlab.threads import set_threads

MAX_IMAGES = 12


def explain(
    run_path: Path | str,
    sources: Sequence[Path | str] | Path | str = (),
    *,
    out: Path | str | None = None,
    method: str = "pca",
    lang: str = "en",
    root: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Draw what a network has learned, and why it answers as it does.

    Written are, as PNG and SVG: its diagram, the filters of its first convolution, what each layer makes of
    the first image, and which pixels the answers rest on (saliency, integrated gradients, Grad-CAM,
    occlusion). Where the test images are at hand: mistakes and unsure hits, a map of images, and labels.csv,
    the labels that may be wrong. index.html shows all of them.

    Args:
        run_path: a finished run.
        sources: files, folders and patterns of pictures to explain, at most 12. If not given: test images,
            the surest mistakes and the first hits.
        out: folder for the files; `explain` in the run folder if not given.
        method: of the map of images: `pca` or `tsne`.
        lang: of the page and of the words in its pictures: `en` or `zh`.
        root: where the data lies, if not where it lay in training.
        warn: takes one line about something that happened.

    Returns:
        `out`, `files`, and `images`: for each its `name`, `label`, `prob` and, where known, `true`.

    Raises:
        ConfigError: too many images, or an unknown method or language.
        RunError: the run is missing, unfinished, damaged or not evaluated, or its data has changed.
        DataError: a picture cannot be read.
        MissingResourceError: the data is not on this machine, or the disk is full.
    """
    if method not in ("pca", "tsne"):
        raise ConfigError(f"method: must be pca or tsne. Received: {method}.")
    if lang not in LANGUAGES:
        raise ConfigError(f"lang: must be {' or '.join(LANGUAGES)}. Received: {lang}.")
    sources = [sources] if isinstance(sources, Path | str) else list(sources)
    files = find_images(sources) if sources else []
    if len(files) > MAX_IMAGES:
        raise ConfigError(f"explain: takes at most {MAX_IMAGES} pictures. Received: {len(files)}.")
    has_letters = lang != "zh" or chinese_font() is not None
    if not has_letters and warn is not None:
        warn(NO_FONT)
    words = Words(Text(lang), Text(lang) if has_letters else Text("en"))
    run = load_run(run_path)
    set_threads(run.folder.config.threads or machine.default_threads())
    test, stored = _test_images(run, root=root, warn=warn, is_needed=not files)
    if files:
        images = [
            ExplainedImage(str(file), drawable_text(str(file)), prepare_image(run, file), None)
            for file in files
        ]
    else:
        assert test is not None and stored is not None
        images = chosen_images(test, stored, words.drawn)
    place = Path(out) if out is not None else run.folder.path / "explain"
    place.mkdir(parents=True, exist_ok=True)
    pictures: list[tuple[Shown, Picture]] = []

    def add(stem: str, heading: str, caption: str, picture: Picture) -> None:
        pictures.append((Shown(stem, heading, caption, picture.alt), picture))

    draw_network(run, add, words)
    pixels = torch.stack([image.pixels for image in images])
    names, true = [image.drawn_name for image in images], [image.true for image in images]
    rows = attributions_of(run, pixels, names, true, [image.answer for image in images])
    answers = [
        {"name": image.name, "label": row.explained, "prob": row.prob, "true": row.true}
        for image, row in zip(images, rows, strict=True)
    ]
    draw_images(run, images[0].pixels, names[0], rows, add, words)
    written = []
    if test is not None and stored is not None:
        draw_test(run, test, stored, method, add, words)
        if len(test) < MIN_IN_MAP and warn is not None:
            warn(
                f"{run.folder.path}: without a map of images, which takes {MIN_IN_MAP}; test has {len(test)}."
            )
        write_bytes(place / "labels.csv", _labels_csv(test, stored).encode(errors="backslashreplace"))
        written.append(place / "labels.csv")
    for shown, picture in pictures:
        for ending, content in ((".png", picture.png), (".svg", picture.svg)):
            write_bytes(place / f"{shown.stem}{ending}", content)
            written.append(place / f"{shown.stem}{ending}")
    title = run_title(run.folder, text=words.page)
    facts = [words.page("explain.images", num=len(images))]
    layers = layer_table(run.model, in_channels=run.in_channels, image_size=run.crop_size)
    page = explain_page(
        title, facts, [shown for shown, _ in pictures], (run.network, layers), text=words.page
    )
    write_bytes(place / "index.html", page.encode())
    return {
        "out": str(place),
        "files": [str(path) for path in [place / "index.html", *written]],
        "images": answers,
    }


def _test_images(
    run: Run, *, root: Path | str | None, warn: Callable[[str], None] | None, is_needed: bool
) -> tuple[Dataset | None, StoredPredictions | None]:
    """Return the test images and the answers to them; neither where they are not needed and not there."""
    try:
        stored = load_predictions(run.folder)
        test = load_split(run.folder, "test", root=root, warn=warn)
        if stored.fingerprint != test.fingerprint:
            raise RunError(f"{run.folder.path}: was evaluated on other test images than those that are here.")
    except CnnlabError as error:
        if is_needed:
            raise
        if warn is not None:
            warn(f"Without mistakes and the map of images: {error}")
        return None, None
    return test, stored


def _labels_csv(test: Dataset, stored: StoredPredictions) -> str:
    """Return a line for each label that may be wrong, with its file where it has one of its own."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    of_file = ["file"] * bool(test.files)
    writer.writerow(["test_image", *of_file, "label", "network_says", "prob", "prob_of_label"])
    for answer in suspected_labels(stored.labels, stored.probs):
        names = stored.class_names[answer.true], stored.class_names[answer.predicted]
        file_name = [test.files[answer.index]] if test.files else []
        writer.writerow(
            [answer.index, *file_name, *names, f"{answer.prob:.6f}", f"{answer.prob_of_true:.6f}"]
        )
    return file.getvalue()
