"""A finished run as the beginning of a longer one: at a constant rate both do the same steps.

Order, augmentation and dropout are functions of (seed, epoch or step), and a constant rate does not know how
long a run is. So the longer run goes on from the shorter one's checkpoint to the bits that it would have come
to by itself. It has a folder of its own: the shorter run keeps its weights and its test scores.
"""

from pathlib import Path

from cnnlab.config import RunConfig
from cnnlab.errors import RunError
from cnnlab.runs import Checkpoint, RunFolder, load_pretraining, save_checkpoint, save_pretraining
from cnnlab.runs.atomic import write_bytes
from cnnlab.runs.checkpoint import list_checkpoints, read_checkpoint, step_of
from cnnlab.training.origin import differences, settings_of
from cnnlab.training.plan import Plan, make_plan
from cnnlab.training.saved import what_is_wrong_with


def why_not_longer(folder: RunFolder, config: RunConfig) -> str:
    """Say why a run is not the beginning of a longer one; empty if it is.

    Args:
        folder: a run that has finished.
        config: the longer one; differs in `train.epochs` or `train.steps` alone.
    """
    schedule = config.schedule
    if schedule.name != "constant" or schedule.warmup:
        got = schedule.name + (f" with warmup={schedule.warmup:g}" if schedule.warmup else "")
        return (
            "schedule: only at a constant rate without warm-up does a longer run begin with the same steps. "
            f"Received: {got}"
        )
    if "steps" not in folder.cost:
        return "the run has not finished"
    if folder.environment.get("inexact_at"):
        return "it went on with other bits once (--inexact), so that the longer run would have other steps"
    before, now = _plan(folder, folder.config), _plan(folder, config)
    if folder.cost["steps"] < before.num_steps:
        return f"train.patience ended it after {folder.cost['steps']} steps; a longer run would end there too"
    if now.candidates_from != before.candidates_from:
        return (
            f"train.candidates: it looked at several batches from step {before.candidates_from} on, a longer "
            f"run from {now.candidates_from}"
        )
    if now.num_steps <= before.num_steps:
        return (
            f"train: it has done {before.num_steps} steps; a longer run has more. Received: {now.num_steps}"
        )
    if _last_step_in_common(folder, before, now) is None:
        return (
            f"it ends after step {before.num_steps}, where the longer run writes no metrics (log_every is "
            f"{now.log_every}, val_every {now.val_every}), and has no checkpoint before that"
        )
    return ""


def begin_longer(folder: RunFolder, config: RunConfig, out: Path) -> RunFolder:
    """Make the folder of a longer run that goes on from this one; `fit` does the rest.

    Args:
        folder: a run of which `why_not_longer` says nothing.
        config: the longer one.
        out: where the new folder is made.

    Raises:
        RunError: the checkpoint, the pre-training or metrics.jsonl is damaged, or config.toml was changed.
        MissingResourceError: the disk is full.
    """
    step = _last_step_in_common(folder, _plan(folder, folder.config), _plan(folder, config))
    assert step is not None
    path = folder.checkpoints / f"step-{step:08d}"
    try:
        checkpoint = read_checkpoint(path)
    except RunError as error:
        raise RunError(f"{error} Train anew with `cnnlab train`.") from None
    if wrong := what_is_wrong_with(checkpoint.state, step):
        raise RunError(f"{path}: damaged checkpoint: {wrong}. Train anew with `cnnlab train`.")
    if different := differences(checkpoint.state["origin"]["settings"], settings_of(folder.config)):
        raise RunError(
            f"{folder.path}: config.toml is not what it was trained with: {different}. Change it back, or "
            "train anew with `cnnlab train`."
        )
    num_bytes = checkpoint.state["metrics_bytes"]
    metrics = (folder.path / "metrics.jsonl").read_bytes()[:num_bytes] if num_bytes else b""
    if len(metrics) < num_bytes:
        raise RunError(f"{folder.path}: metrics.jsonl is damaged. Train anew with `cnnlab train`.")
    origin = {**checkpoint.state["origin"], "settings": settings_of(config)}
    pretraining = load_pretraining(folder)
    longer = RunFolder.create(out, config)
    # The checkpoint comes last: should this be stopped before, the new run starts from its beginning.
    longer.environment = folder.environment
    write_bytes(longer.path / "metrics.jsonl", metrics)
    if pretraining is not None:
        save_pretraining(longer, pretraining)
    save_checkpoint(
        longer.checkpoints, step, Checkpoint(checkpoint.tensors, {**checkpoint.state, "origin": origin})
    )
    return longer


def _plan(folder: RunFolder, config: RunConfig) -> Plan:
    seen = folder.environment.get("data", {}).get("train")
    if seen is None:
        raise RunError(f"{folder.path}: environment.json does not say what it was trained on. Train anew.")
    return make_plan(config, seen["num_images"])


def _last_step_in_common(folder: RunFolder, before: Plan, now: Plan) -> int | None:
    """Return the step of the newest checkpoint whose state the longer run has as well; None without one.

    At its end a run validates and writes metrics, come what may. The longer run does so only where it is due.
    """
    steps = [step_of(path) for path in list_checkpoints(folder.checkpoints)]
    is_common = now.is_log_step(before.num_steps) and now.is_val_step(before.num_steps)
    return max((step for step in steps if step < before.num_steps or is_common), default=None)
