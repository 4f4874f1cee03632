"""A finished run made longer, for `resume`: to the bits that the longer run comes to by itself."""

import shlex
from collections.abc import Callable

from cnnlab.errors import ConfigError, RunError
from cnnlab.runs import RunFolder, find_runs
from cnnlab.training import begin_longer, why_not_longer


def longer_run(
    folder: RunFolder, *, epochs: float | None, steps: int | None, say: Callable[[str], None]
) -> RunFolder:
    """Return the run of the same settings and another length, begun with this one's steps.

    It has a folder of its own beside this run's, so that this one keeps its weights and its test scores. One
    that is there from before is taken.

    Raises:
        ConfigError: both lengths are given, or one is not allowed.
        RunError: the run is not the beginning of a longer one, or is damaged.
    """
    if epochs is not None and steps is not None:
        raise ConfigError(f"--epochs, --steps: give one of them. Received: {epochs:g} and {steps}.")
    name, value = ("epochs", epochs) if steps is None else ("steps", steps)
    config = folder.config.with_changes({f"train.{name}": value}, source=f"--{name}")
    place = shlex.quote(str(folder.path))
    anew = f"cnnlab train {place}/config.toml --{name} {value:g} --out {shlex.quote(str(folder.path.parent))}"
    if not folder.cost:
        if folder.evaluation is not None:
            raise RunError(f"{folder.path}: its cost.json is gone. Bring it back, or train anew with: {anew}")
        raise RunError(f"{folder.path}: has not finished. First: cnnlab resume {place}")
    if reason := why_not_longer(folder, config):
        is_done = folder.cost.get("steps") == steps
        remedy = "Give more." if is_done else f"Train anew with: {anew}"
        raise RunError(f"{folder.path}: cannot be made longer: {reason}. {remedy}")
    out = folder.path.parent
    for run in find_runs(out, config):
        say(f"{folder.path}: was made longer before, in {run.path}.")
        return RunFolder(run.path)
    longer = begin_longer(folder, config, out)
    say(f"{folder.path}: stays as it is; the longer run goes on from it in {longer.path}.")
    return longer
