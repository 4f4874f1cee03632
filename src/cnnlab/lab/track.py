"""`track`, and what `train` and `resume` do alongside: a run shown in TensorBoard or on an MLflow server."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnnlab.errors import ConfigError, RunError, StoppedError
from cnnlab.evaluation import load_run
from cnnlab.explain import first_filters
from cnnlab.reporting import confusion_picture, first_filters_picture, run_title
from cnnlab.runs import RunFolder
from cnnlab.tracking import Ending, EndState, EventFiles, Follower, MlflowRun, MlflowServer, Tracker
from cnnlab.training import Plan, Progress

SMALL_FILES = {".toml", ".json", ".jsonl", ".png"}
"""Of a run folder, those that go to a server; weights and checkpoints stay."""
MAX_BYTES = 32e6


def track(
    run_path: Path | str,
    *,
    tensorboard: bool = False,
    mlflow: str | None = None,
    report: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Show a run that is there, as `train` shows one that goes on; a second time adds nothing.

    Args:
        run_path: a run folder.
        tensorboard: write an event file into it.
        mlflow: the address of an MLflow server to send it to.
        report: a folder that `report` has written into, whose files go to the server too.
        warn: takes one line about pictures that could not be made.

    Returns:
        `run`, and by the name of each tracker where it is shown.

    Raises:
        ConfigError: nothing is asked for, or an address is wrong.
        RunError: the run is missing, damaged, or being written by another process.
        MissingResourceError: an extra is not installed, a server does not answer, or the disk is full.
    """
    folder = RunFolder.open(Path(run_path))
    files = _report_files(report) if report is not None else {}
    trackers = make_trackers(tensorboard=tensorboard, mlflow=mlflow)
    if not trackers:
        raise ConfigError("track: say where to show the run: --tensorboard, --mlflow URI, or both.")
    shown = {"run": str(folder.path)}
    with folder.locked():
        state: EndState = "finished" if folder.weights.exists() else "stopped"
        ending = _ending(folder, state, warn=warn or (lambda line: None), files=files)
        for tracker in trackers:
            try:
                shown[tracker.name] = tracker.begin(folder).partition(": ")[2]
                tracker.show(folder.read_metrics())
                tracker.finish(ending)
            finally:
                tracker.close()
    return shown


def make_trackers(*, tensorboard: bool, mlflow: str | None) -> list[Tracker]:
    """Return what shows a run, each found able to do it.

    Raises:
        ConfigError: an address is wrong, or no MLflow server is there.
        MissingResourceError: tensorboard is not installed, or the server does not answer.
    """
    trackers: list[Tracker] = []
    if tensorboard:
        trackers.append(EventFiles())
    if mlflow is not None:
        trackers.append(MlflowRun(MlflowServer(mlflow)))
    for tracker in trackers:
        try:
            tracker.check()
        finally:
            tracker.close()
    return trackers


@contextmanager
def followed(folder: RunFolder, trackers: Sequence[Tracker], progress: Progress) -> Iterator[Progress]:
    """Show a run while it goes on; gives the progress to hand to `fit`.

    What goes wrong with that is one line for the user, and nothing to the run.
    """
    if not trackers:
        yield progress
        return
    followers = [Follower(tracker, folder, say=progress.message) for tracker in trackers]
    state: EndState = "failed"
    try:
        yield _Starting(progress, followers)
        state = "finished"
    except (StoppedError, KeyboardInterrupt):
        state = "stopped"
        raise
    finally:
        ending = _ending(folder, state, warn=progress.message)
        for follower in followers:
            follower.end(ending)
        for follower in followers:
            follower.wait()


class _Starting:
    """A progress that starts followers when the loop begins: metrics.jsonl is not cut after that."""

    def __init__(self, progress: Progress, followers: Sequence[Follower]) -> None:
        self._progress, self._followers = progress, followers
        self.step, self.log = progress.step, progress.log
        self.validate, self.message, self.stop = progress.validate, progress.message, progress.stop

    def start(self, title: str, plan: Plan, *, step: int, seconds_left: float | None) -> None:
        self._progress.start(title, plan, step=step, seconds_left=seconds_left)
        for follower in self._followers:
            follower.start()


def _ending(
    folder: RunFolder, state: EndState, *, warn: Callable[[str], None], files: dict[str, Path] | None = None
) -> Ending:
    """Return what the run folder holds to show at the end."""
    pictures = {}
    try:
        if evaluation := folder.evaluation:
            matrix, names = evaluation["confusion_matrix"], evaluation["class_names"]
            pictures["confusion_matrix"] = confusion_picture(matrix, names, title=run_title(folder))
        if folder.weights.exists():
            name, kernels = first_filters(load_run(folder.path))
            pictures["first_filters"] = first_filters_picture(name, kernels, title=run_title(folder)).png
    except Exception as error:  # the run is done, whatever a picture of it meets
        warn(f"{folder.path}: shown without all pictures: {type(error).__name__}: {error}")
    own = {path.name: path for path in sorted(folder.path.iterdir()) if path.suffix in SMALL_FILES}
    own.pop("mlflow.json", None)
    own = {name: path for name, path in own.items() if path.is_file() and path.stat().st_size <= MAX_BYTES}
    return Ending(state, pictures, {**own, **(files or {})})


def _report_files(report: Path | str) -> dict[str, Path]:
    """Return the files that `report` has written into a folder; raises RunError if there are none."""
    files = {f"report/{path.name}": path for path in sorted(Path(report).glob("report.*")) if path.is_file()}
    if not files:
        raise RunError(
            f"--report: must be a folder that `cnnlab report` has written into. Received: {report}."
        )
    return files
