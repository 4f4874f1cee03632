"""`export`: finished runs as files for other systems, each proven to answer as its run does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnlab import machine
from cnnlab.errors import ConfigError, did_you_mean
from cnnlab.evaluation import load_run
from cnnlab.export.exporter import Exporter, ExportRow
from cnnlab.export.forms import Form, OnnxForm, Pt2Form, Source
from cnnlab.export.tensorflow_forms import LiteForm, SavedModelForm
from cnnlab.lab.splits import load_split
from cnnlab.runs.atomic import write_errors_explained
from cnnlab.threads import set_threads

FORMS: dict[str, Callable[[], Form]] = {
    "onnx": OnnxForm,
    "pt2": Pt2Form,
    "savedmodel": SavedModelForm,
    "litert": LiteForm,
}


@dataclass(frozen=True)
class ExportResult:
    """What was exported.

    Attributes:
        rows: one for each run and form, those that did not pass too.
        references: the runs themselves, in PyTorch.
        threads: of the processor, for all times.
    """

    rows: tuple[ExportRow, ...]
    references: tuple[ExportRow, ...]
    threads: int

    @property
    def problems(self) -> list[str]:
        """Why forms did not pass, a line for each."""
        return [
            f"{row.run}: {row.form}: {row.problem}. No file was written." for row in self.rows if row.problem
        ]


def export(
    runs: Sequence[Path | str] | Path | str,
    formats: Sequence[str] = ("onnx",),
    *,
    int8: bool = False,
    allow_drop: bool = False,
    out: Path | str = "exports",
    root: Path | str | None = None,
    threads: int | None = None,
    warn: Callable[[str], None] | None = None,
) -> ExportResult:
    """Write finished runs as files for other systems.

    Each file is used on 1,000 test images before it gets its name: its logits must be the network's within
    1e-4, with the same labels. What does not pass leaves no file. Nothing is chosen by these images.

    Args:
        runs: run folders.
        formats: some of `FORMS`.
        int8: write an ONNX file in int8 too, calibrated on training images.
        allow_drop: let int8 cost more than half a point of accuracy.
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
    if threads is not None and threads < 1:
        raise ConfigError(f"threads: must be at least 1. Received: {threads}.")
    threads = threads or machine.default_threads()
    set_threads(threads)
    sources = [Source(load_run(path), threads=threads) for path in paths]
    with write_errors_explained(Path(out), needed=0):
        Path(out).mkdir(parents=True, exist_ok=True)
    rows: list[ExportRow] = []
    references: list[ExportRow] = []
    for source in sources:
        folder = source.run.folder
        test = load_split(folder, "test", root=root, warn=warn)
        exporter = Exporter(source, test, Path(out))
        references.append(exporter.reference())
        rows += [exporter.export(form) for form in forms]
        if int8:
            train = load_split(folder, "train", root=root, warn=warn)
            rows.append(exporter.export_int8(train, allow_drop=allow_drop))
    return ExportResult(tuple(rows), tuple(references), threads)


def _forms_of(formats: Sequence[str]) -> list[Form]:
    for name in formats:
        if name not in FORMS:
            raise ConfigError(f"--format: there is no form {name!r}. {did_you_mean(name, FORMS)}")
    return [FORMS[name]() for name in dict.fromkeys(formats)]
