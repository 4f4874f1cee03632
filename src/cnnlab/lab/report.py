"""`report`: from run folders to a page that a person can read, print and hand in."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import date as today
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from cnnlab import machine
from cnnlab.data import Dataset
from cnnlab.errors import CnnlabError, ConfigError
from cnnlab.evaluation import (
    Run,
    at_temperature,
    fit_temperature,
    load_predictions,
    load_run,
    metrics,
    predict_probs,
)
from cnnlab.explain import first_filters, sure_mistakes
from cnnlab.lab.explain import attributions_of
from cnnlab.lab.splits import load_split
from cnnlab.reporting import Block, answers_picture, attributions_picture, first_filters_picture
from cnnlab.reporting.report import (
    LANGUAGES,
    Cover,
    Extras,
    Facts,
    NetworkExtras,
    NetworkFacts,
    ShownMistake,
    Temperature,
    Text,
    find_browser,
    gather,
    html_report,
    markdown_report,
    print_to_pdf,
    slides_report,
)
from cnnlab.runs import RunFolder
from cnnlab.runs.atomic import write_bytes
from cnnlab.threads import set_threads

FORMATS = ("html", "pdf", "pptx", "md")
MAX_MISTAKES, NUM_EXPLAINED, NUM_SAMPLES = 60, 4, 12


def report(
    run_paths: Sequence[Path | str],
    *,
    out: Path | str = "report",
    lang: str = "en",
    formats: Sequence[str] = ("html",),
    title: str = "",
    course: str = "",
    author: str = "",
    date: str = "",
    root: Path | str | None = None,
    command: str = "",
    warn: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write a report of finished runs on one data set; runs that differ in the seed alone are one network.

    Args:
        run_paths: run folders.
        out: folder for the files.
        lang: `en` or `zh`.
        formats: some of `html`, `pdf` (printed by Chromium), `pptx` (slides) and `md`.
        title: of the report; made of its networks and data if empty.
        course: for which it is written.
        author: who writes it.
        date: when; today if empty.
        root: where the data lies, if not where it lay in training.
        command: what makes the report again, told in it.
        warn: takes one line about what is left out.

    Returns:
        The files that were written.

    Raises:
        ConfigError: no runs, or an unknown language or format.
        RunError: a run is missing, damaged, not evaluated, or of other images than the others.
        MissingResourceError: a browser or python-pptx is missing, or the disk is full.
    """
    if lang not in LANGUAGES:
        raise ConfigError(f"--lang: must be {' or '.join(LANGUAGES)}. Received: {lang}.")
    for name in formats:
        if name not in FORMATS:
            raise ConfigError(f"--format: must be of {', '.join(FORMATS)}. Received: {name}.")
    if not run_paths:
        raise ConfigError("report: name at least one run folder; `cnnlab runs` lists them.")
    warn = warn or (lambda line: None)
    if "pdf" in formats:
        find_browser()  # what is missing is told before the work, not after
    facts = gather([RunFolder.open(Path(path)) for path in run_paths], command=command)
    told = {folder.path for network in facts.networks for folder in network.folders}
    told |= {folder.path for folder, _, _ in facts.unfinished}
    for path in map(Path, run_paths):
        if path not in told:
            warn(f"{path}: is left out: not every network has a run of its seed.")
    extras = _extras(facts, root=root, warn=warn)
    parts = facts, extras, Cover(title, course, author, date or today.today().isoformat()), Text(lang)
    place = Path(out)
    place.mkdir(parents=True, exist_ok=True)
    page = html_report(*parts, version=version("cnnlab")).encode()
    written = []
    for name in dict.fromkeys(formats):
        path = place / f"report.{lang}.{name}"
        match name:
            case "html":
                content = page
            case "pdf":
                content = _printed(page)
            case "pptx":
                content = slides_report(*parts)
            case _:
                content = markdown_report(*parts).encode()
        write_bytes(path, content)
        written.append(path)
    return written


def _printed(page: bytes) -> bytes:
    with tempfile.TemporaryDirectory(prefix="cnnlab-") as place:
        path = Path(place) / "report.html"
        path.write_bytes(page)
        return print_to_pdf(path)


def _extras(facts: Facts, *, root: Path | str | None, warn: Callable[[str], None]) -> Extras:
    networks = {}
    for network in facts.networks:
        run = load_run(network.folders[0].path)
        set_threads(machine.default_threads())
        networks[network.name] = _network_extras(network, run, root=root, warn=warn)
    return Extras(networks)


def _network_extras(
    network: NetworkFacts, run: Run, *, root: Path | str | None, warn: Callable[[str], None]
) -> NetworkExtras:
    name, kernels = first_filters(run)
    filters = first_filters_picture(name, kernels, title=f"{network.name}: {name}")
    try:
        test = load_split(run.folder, "test", root=root, warn=warn)
        val = load_split(run.folder, "val", root=root, warn=warn)
    except CnnlabError as error:
        warn(f"{network.name}: without pictures of test images and without a temperature: {error}")
        return NetworkExtras(filters=filters)
    stored = load_predictions(run.folder)
    mistakes = sure_mistakes(stored.labels, stored.probs, most=MAX_MISTAKES)
    shown = [test.images[answer.index] for answer in mistakes[:NUM_EXPLAINED]]
    pixels = None
    if shown:
        true = [answer.true for answer in mistakes[:NUM_EXPLAINED]]
        names = [f"test image {answer.index}" for answer in mistakes[:NUM_EXPLAINED]]
        rows = attributions_of(run, torch.stack(shown), names, true)
        pixels = attributions_picture(rows, title=network.name)
    return NetworkExtras(
        samples=_samples(test, run, network.name),
        mistakes=tuple(
            ShownMistake(test.images[one.index], one.index, one.true, one.predicted, one.prob)
            for one in mistakes
        ),
        pixels=pixels,
        filters=filters,
        temperature=_temperature(run, val),
    )


def _samples(test: Dataset, run: Run, name: str) -> Any:
    stored = load_predictions(run.folder)
    indices = list(range(min(NUM_SAMPLES, len(test))))
    answers = (stored.labels, stored.probs, stored.class_names)
    return answers_picture(
        test.images, *answers, [Block(f"The first {len(indices)} test images", indices)], title=name
    )


def _temperature(run: Run, val: Dataset) -> Temperature:
    stored = load_predictions(run.folder)
    value = fit_temperature(predict_probs(run, val.images), val.labels)
    after = metrics.ece(at_temperature(stored.probs, value), stored.labels)
    return Temperature(value, metrics.ece(stored.probs, stored.labels), after)
