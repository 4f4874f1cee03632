"""What decides the bits of a run: remembered in every checkpoint, and compared before a run goes on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.errors import RunError
from cnnlab.runs import RunFolder, load_latest, with_later_fields
from cnnlab.training.execution import Execution, choose_execution
from cnnlab.training.saved import what_is_wrong_with


def describe_origin(config: RunConfig, execution: Execution, datasets: Sequence[Dataset]) -> dict[str, Any]:
    """Return the execution, the settings and the images that a run's bits are a function of."""
    return {
        "execution": execution.as_dict(),
        "settings": settings_of(config),
        "fingerprints": {data.split: data.fingerprint for data in datasets},
    }


def check_same_origin(before: dict[str, Any], now: dict[str, Any], run: Path, *, inexact: bool) -> bool:
    """Refuse to go on from a checkpoint where the same bits cannot come out.

    Args:
        before: what `describe_origin` returned for the checkpoint.
        now: what it returns here.
        run: the run folder, for messages.
        inexact: accept another execution or other settings; other images are never accepted.

    Returns:
        Whether the same bits will come out.

    Raises:
        RunError: the execution, the settings or the images differ.
    """
    for split, fingerprint in now["fingerprints"].items():
        # Without pre-training nobody looked at unlabelled images; that it is on now is a setting.
        seen = before["fingerprints"].get(split, fingerprint if split == "unlabelled" else None)
        if seen != fingerprint:
            raise RunError(
                f"{run}: the {split} images are not those of the checkpoint. Bring them back, or train anew."
            )
    different = differences(_execution_of(before), _execution_of(now))
    if different and not inexact:
        precision = _execution_of(before)["precision"]
        remedy = f"Threads: --threads. Precision: 'precision = \"{precision}\"' in config.toml. "
        remedy += "With --inexact it goes on with other bits."
        raise RunError(f"{run}: cannot go on to the same bits: {different}. {remedy}")
    different = differences(_with_defaults(before["settings"]), now["settings"])
    if different and not inexact:
        remedy = "Change config.toml back; --inexact goes on with the new settings."
        raise RunError(f"{run}: config.toml is not what the checkpoint was made with: {different}. {remedy}")
    return not different and not differences(_execution_of(before), _execution_of(now))


def why_other_bits(folder: RunFolder, config: RunConfig, *, warn: Callable[[str], None]) -> str:
    """Say why a run cannot go on to the same bits on this machine; empty if it can, or has not begun.

    Args:
        folder: the run.
        config: what to run; sets torch's threads, as `choose_execution` does.
        warn: told of each damaged checkpoint that is passed over.

    Raises:
        RunError: all checkpoints are damaged.
        MissingResourceError: a GPU is asked for and there is none.
    """
    checkpoint = load_latest(folder.checkpoints, warn=warn, check=what_is_wrong_with)
    if checkpoint is None:
        return ""
    before = checkpoint.state["origin"]
    is_short = folder.metrics_bytes < checkpoint.state["metrics_bytes"]
    parts = (
        "metrics.jsonl has lost lines since the last checkpoint" if is_short else "",
        differences(_execution_of(before), choose_execution(config).as_dict()),
        differences(_with_defaults(before["settings"]), settings_of(config)),
    )
    return "; ".join(part for part in parts if part)


def why_other_images(folder: RunFolder, fingerprints: Mapping[str, str]) -> str:
    """Say which images are not those that a run has seen; empty if all are, or it has not begun.

    Args:
        folder: the run.
        fingerprints: of the images that it would see today, by split.

    Raises:
        RunError: environment.json is damaged.
    """
    seen = folder.environment.get("data", {})
    has_begun = bool(seen) or folder.weights.exists() or folder.evaluation is not None
    for split, fingerprint in fingerprints.items():
        if has_begun and seen.get(split, {}).get("fingerprint") != fingerprint:
            return f"the {split} images of {folder.config.data.name} are not those that it was trained on."
    return ""


def why_other_settings(folder: RunFolder) -> str:
    """Say where config.toml is not what a run was trained with; empty if it is, or that is not known."""
    trained_with = folder.environment.get("settings")
    now = settings_of(folder.config)
    different = differences(_with_defaults(trained_with), now) if trained_with else ""
    return different and f"its config.toml was changed after it was trained: {different}."


def settings_of(config: RunConfig) -> dict[str, Any]:
    """Return the settings that change a run's bits, by dotted name, but for those that act through others.

    Device, precision and threads act through the execution; where data lies, which of it and in which splits,
    through the fingerprints; how often a checkpoint is written changes nothing.
    """
    values = config.model_dump(mode="json")
    del values["train"]["checkpoint_seconds"]
    sections = {
        "model": values["model"],
        "data": {name: values["data"][name] for name in ("crop_size", "scale")},
        "data.augment": values["data"]["augment"],
        **{name: values[name] for name in ("pretrain", "optim", "schedule", "train")},
    }
    dotted = {
        f"{name}.{field}": value for name, section in sections.items() for field, value in section.items()
    }
    return {"seed": config.seed, **dotted}


def _execution_of(origin: dict[str, Any]) -> dict[str, Any]:
    return with_later_fields(origin["execution"])


def _with_defaults(before: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an earlier version; what it did not have yet was as it is by default."""
    some = RunConfig.from_dict({"model": {"name": ""}}, source="the defaults")
    return {**settings_of(some), **before}


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Say what differs; empty if nothing does."""
    return "; ".join(
        f"{name} was {before.get(name)!r}, here {now.get(name)!r}"
        for name in [*now, *(before.keys() - now.keys())]
        if before.get(name) != now.get(name)
    )
