"""`export`: finished runs as files for other systems, each proven to answer as its run does."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

import cnnlab
from cnnlab import machine
from cnnlab.data import Dataset
from cnnlab.errors import CheckFailedError, ConfigError, ExportError, RunError, did_you_mean
from cnnlab.evaluation import StoredPredictions, load_predictions, load_run
from cnnlab.export.exporter import Exporter, ExportRow
from cnnlab.export.forms import Form, OnnxForm, Pt2Form, Source
from cnnlab.export.tensorflow_forms import LiteForm, SavedModelForm
from cnnlab.export.web import WebFolder, WebForm
from cnnlab.lab.splits import load_split, load_splits
from cnnlab.runs import RunFolder
from cnnlab.runs.atomic import write_errors_explained
from cnnlab.threads import checked_threads, set_threads

FORMS: dict[str, Callable[[], Form]] = {
    "onnx": OnnxForm,
    "pt2": Pt2Form,
    "savedmodel": SavedModelForm,
    "litert": LiteForm,
    "web": WebForm,
}


@dataclass(frozen=True)
class ExportFailure:
    """A form that could not be made of a run.

    Attributes:
        run: name of the run folder.
        form: of `FORMS`, or `int8`.
        problem: why, a line.
    """

    run: str
    form: str
    problem: str


@dataclass(frozen=True)
class ExportResult:
    """What was exported.

    Attributes:
        rows: one for each run and form, those that did not pass too.
        references: the runs themselves, in PyTorch.
        failures: forms that could not be made, so that there is nothing to tell of them.
        threads: of the processor, for all times.
    """

    rows: tuple[ExportRow, ...]
    references: tuple[ExportRow, ...]
    failures: tuple[ExportFailure, ...]
    threads: int

    @property
    def problems(self) -> list[str]:
        """Why forms did not pass, a line for each."""
        refused = [
            f"{row.run}: {row.form}: {row.problem}. No file was written." for row in self.rows if row.problem
        ]
        return refused + [
            f"{one.run}: {one.form}: {one.problem} No file was written." for one in self.failures
        ]


def export(
    runs: Sequence[Path | str] | Path | str,
    formats: Sequence[str] = ("onnx",),
    *,
    int8: bool = False,
    allow_drop: bool = False,
    gallery: bool = False,
    out: Path | str = "exports",
    root: Path | str | None = None,
    threads: int | None = None,
    warn: Callable[[str], None] | None = None,
) -> ExportResult:
    """Write finished runs as files for other systems.

    Each file is used on 1,000 test images before it gets its name: its logits must be the network's within
    1e-4 (2e-6 of the largest, where that is above 50), with the same labels. What does not pass leaves no
    file. Nothing is chosen by these images.

    Args:
        runs: run folders.
        formats: some of `FORMS`.
        int8: write an ONNX file in int8 too, calibrated on training images.
        allow_drop: let int8 cost more than half a point of accuracy.
        gallery: write some test images beside an ONNX file, for the page to start from, or else remove those
            of an earlier export; `web` always has them.
        out: folder of the files; they are called as their runs.
        root: where the data lies, if not where the runs' configs say.
        threads: of the processor, where files are used and timed; the machine's cores if not given.
        warn: takes one line about something that happened.

    Raises:
        ConfigError: there is no such format, or two runs have one name.
        RunError: a run is missing, unfinished or damaged, or its images are others now.
        MissingResourceError: the data, a package or an environment is not here, or the disk is full.
    """
    paths = [Path(run) for run in ([runs] if isinstance(runs, Path | str) else runs)]
    forms = _forms_of(formats)
    names = [path.resolve().name for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"RUN: two runs are called {name!r}, and so would their files be; export one.")
    threads = machine.default_threads() if threads is None else checked_threads(threads)
    set_threads(threads)
    sources = [Source(load_run(path), threads=threads) for path in paths]
    with write_errors_explained(Path(out), needed=0):
        Path(out).mkdir(parents=True, exist_ok=True)
    rows: list[ExportRow] = []
    references: list[ExportRow] = []
    failures: list[ExportFailure] = []
    web = next((form for form in forms if isinstance(form, WebForm)), None)
    with WebFolder(Path(out) / "web", web, cnnlab.__version__) if web else nullcontext() as page:
        for source in sources:
            folder = source.run.folder
            test = load_split(folder, "test", root=root, warn=warn)
            exporter = Exporter(source, test, Path(out))
            if gallery or web:
                exporter.stored = _stored(folder, test, root, warn)
            references.append(exporter.reference())
            makers: dict[str, Callable[[], ExportRow]] = {
                form.name: partial(page.add, exporter)
                if page and form is web
                else partial(exporter.export, form)
                for form in forms
            }
            if int8:
                train = load_split(folder, "train", root=root, warn=warn)
                makers["int8"] = partial(exporter.export_int8, train, allow_drop=allow_drop)
            for name, make in makers.items():
                try:
                    rows.append(make())
                except (CheckFailedError, ExportError) as error:  # the other forms may well be made
                    failures.append(ExportFailure(references[-1].run, name, str(error)))
                    continue
                if name == "onnx" and rows[-1].path:
                    exporter.write_gallery(rows[-1].path, is_wanted=gallery)
        if page:
            page.keep([row for row in rows if row.form == "web"])
    return ExportResult(tuple(rows), tuple(references), tuple(failures), threads)


def _stored(
    folder: RunFolder, test: Dataset, root: Path | str | None, warn: Callable[[str], None] | None
) -> tuple[StoredPredictions, Tensor] | None:
    """Return a run's answers and the test images as they are before they are brought to size.

    None, with a word about it, where there are no answers on these images.
    """
    try:
        stored = load_predictions(folder)
    except RunError as error:
        problem = str(error)
    else:
        if stored.fingerprint == test.fingerprint:
            data = folder.config.data
            if not test.is_digits:  # a digit is placed in its own size, and then brought to the network's
                return stored, test.images
            data = data.model_copy(update={"image_size": None})
            return stored, load_splits(data, ("test",), root=root)["test"].images
        problem = f"{folder.predictions}: its answers are on other test images."
    if warn:
        warn(f"{problem} There are no test images on the page.")
    return None


def _forms_of(formats: Sequence[str]) -> list[Form]:
    for name in formats:
        if name not in FORMS:
            raise ConfigError(f"--format: there is no form {name!r}. {did_you_mean(name, FORMS)}")
    return [FORMS[name]() for name in dict.fromkeys(formats)]
