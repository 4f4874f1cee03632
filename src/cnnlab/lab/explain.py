"""`explain`: what a network has learned and which pixels its answers rest on, as pictures and a page."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cnnlab import machine
from cnnlab.data import Dataset, centre_crop
from cnnlab.errors import CnnlabError, ConfigError, RunError
from cnnlab.evaluation import Run, StoredPredictions, load_predictions, load_run, predict_probs
from cnnlab.explain import (
    MIN_IN_MAP,
    grad_cam,
    integrated_gradients,
    occlusion,
    saliency,
    sure_mistakes,
    suspected_labels,
)
from cnnlab.lab.explain_pictures import Words, draw_images, draw_network, draw_test
from cnnlab.lab.image_files import find_images
from cnnlab.lab.predict import prepare_image
from cnnlab.lab.splits import load_split
from cnnlab.models import layer_table
from cnnlab.reporting import (
    ENGLISH,
    LANGUAGES,
    NO_FONT,
    Attribution,
    Picture,
    Shown,
    Text,
    chinese_font,
    explain_page,
    run_title,
)
from cnnlab.runs.atomic import write_bytes
from cnnlab.threads import set_threads

MAX_IMAGES = 12
NUM_MISTAKES, NUM_HITS = 3, 3


@dataclass(frozen=True)
class ExplainedImage:
    """One image that was explained.

    Attributes:
        name: its file, or which test image it is.
        drawn_name: the same in the language of the pictures.
        pixels: C x H x W, uint8, of the run's form.
        true: index of its class, where that is known.
        answer: the class that the run gave it when it was tested, and its probability; None of other images.
    """

    name: str
    drawn_name: str
    pixels: Tensor
    true: int | None
    answer: tuple[int, float] | None = None


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
        images = [ExplainedImage(str(file), str(file), prepare_image(run, file), None) for file in files]
    else:
        assert test is not None and stored is not None
        images = _chosen(test, stored, words.drawn)
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
        write_bytes(place / "labels.csv", _labels_csv(test, stored).encode())
        written.append(place / "labels.csv")
    for shown, picture in pictures:
        for ending, content in ((".png", picture.png), (".svg", picture.svg)):
            write_bytes(place / f"{shown.stem}{ending}", content)
            written.append(place / f"{shown.stem}{ending}")
    title = run_title(run.folder, text=words.page)
    facts = [words.page("explain.images", num=len(images))]
    layers = layer_table(run.model, in_channels=run.in_channels, image_size=run.crop_size)
    page = explain_page(title, facts, [shown for shown, _ in pictures], layers, text=words.page)
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


def _chosen(test: Dataset, stored: StoredPredictions, drawn: Text) -> list[ExplainedImage]:
    """Return the surest mistakes, and the first right answers of the first classes."""
    wrong = [answer.index for answer in sure_mistakes(stored.labels, stored.probs, most=NUM_MISTAKES)]
    right = []
    for label in range(len(stored.class_names)):
        found = torch.nonzero(stored.is_correct & (stored.labels == label)).flatten()
        if len(found) and len(right) < NUM_HITS:
            right.append(int(found[0]))
    return [
        ExplainedImage(
            ENGLISH("pictures.test_image", index=index),
            drawn("pictures.test_image", index=index),
            test.images[index],
            int(stored.labels[index]),
            (int(stored.probs[index].argmax()), float(stored.probs[index].max())),
        )
        for index in [*wrong, *right]
    ]


def attributions_of(
    run: Run,
    pixels: Tensor,
    names: Sequence[str],
    true: Sequence[int | None],
    answers: Sequence[tuple[int, float] | None],
) -> list[Attribution]:
    """Ask, in four ways, which pixels a network's answers rest on.

    Args:
        run: a finished run.
        pixels: N x C x H x W, uint8, of the run's form.
        names: of the images.
        true: index of each one's class, where that is known.
        answers: class and probability, where the run has answered; what one view of the image gives if not.
    """
    probs = predict_probs(run, pixels)
    now = zip(probs.argmax(1).tolist(), probs.amax(1).tolist(), strict=True)
    answers = [kept or new for kept, new in zip(answers, now, strict=True)]
    classes = torch.tensor([label for label, _prob in answers])
    gradient = saliency(run, pixels, classes)
    integrated, _ = integrated_gradients(run, pixels, classes)
    seen, _ = grad_cam(run, pixels, classes)
    falls = occlusion(run, pixels, classes)
    window = centre_crop(pixels, run.crop_size)
    rows = []
    for index, (name, label) in enumerate(zip(names, true, strict=True)):
        parts = (gradient[index], integrated[index], seen[index], falls[index])
        answer = run.class_names[answers[index][0]], answers[index][1]
        known = None if label is None else run.class_names[label]
        rows.append(Attribution(window[index], name, *answer, known, *parts))
    return rows


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
