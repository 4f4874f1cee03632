"""The verb `lr_find`: a learning rate to start from, found by raising it until the loss explodes."""

from pathlib import Path
from typing import Any

from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError
from cnnlab.lab.resolve import resolve
from cnnlab.lab.splits import load_splits, say_converted
from cnnlab.lab.train import check_network
from cnnlab.reporting import lr_curve
from cnnlab.runs.atomic import make_writable, write_bytes, write_json
from cnnlab.training import LineProgress, LrSweep, Progress, check_range, sweep_lr

CURVE, SWEEP = "lr-find.png", "lr-find.json"
SWEPT = {"optim.lr", "train.epochs", "train.steps"}
TRIED_BYTES = 100_000
"""Written and removed before a sweep: a little more than both files take."""


def lr_find(
    recipe: str | RunConfig,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    out: Path | str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> LrSweep:
    """Train while the learning rate rises from step to step, and see where the loss falls and explodes.

    Only training images are looked at. All but the rate and its schedule is as a run would have it, from
    starting weights that are not pre-trained; the weights are thrown away, and no run folder is made.

    Args:
        recipe: a recipe, a network, a TOML file, or a complete config.
        lowest: rate of the first update.
        highest: rate of the last, should the loss not explode before.
        steps: updates from one to the other.
        out: a folder for lr-find.png and lr-find.json; nothing is written if not given.
        progress: told of what happens; plain lines on stderr if not given.
        **options: as `resolve` takes them, such as `data`, `batch_size` and `seed`.

    Returns:
        Rates and losses; `suggestion` is the rate at which the smoothed loss falls fastest on its way to its
        lowest. A schedule that warms up bears more, up to `lowest_at`.

    Raises:
        ConfigError: the range, the recipe or an option is wrong, or the recipe pre-trains.
        CheckFailedError: not even the first losses are finite.
        MissingResourceError: `out` does not let itself be written.
        CnnlabError: see `load_data`.

    Example:
        >>> sweep = cnnlab.lr_find("convnet_mnist", data="digits")
        >>> 0.001 < sweep.suggestion < sweep.lowest_at < 0.1
        True
    """
    progress = progress or LineProgress()
    options["changes"] = options.get("changes") or {}
    if taken := options["changes"].keys() & SWEPT:
        raise ConfigError(
            f"{min(taken)}: a sweep sets the rate and its length itself; give lowest, highest and steps. "
            f"Received: {options['changes'][min(taken)]}."
        )
    if taken := options.keys() & {"epochs", "lr"}:
        raise ConfigError(
            f"{min(taken)}: a sweep sets the rate and its length itself; give lowest, highest and steps. "
            f"Received: {options[min(taken)]}."
        )
    check_range(lowest, highest, steps)
    folder = None if out is None else _made(Path(out))
    length = {"steps": steps, "log_every": max(1, steps // 10), "val_every": steps, "ema_decay": None}
    config = resolve(recipe, say=progress.message, **options).with_changes(
        {f"train.{field}": value for field, value in length.items()}, source="lr_find"
    )
    if config.pretrain.method != "none":
        raise ConfigError(
            "pretrain.method: a sweep starts from weights that are not pre-trained; set it to none. "
            f"Received: {config.pretrain.method}."
        )
    train = load_splits(config.data, ("train",), warn=progress.message)
    say_converted(train, progress.message)
    check_network(config, train["train"])
    sweep = sweep_lr(config, train["train"], lowest=lowest, highest=highest, progress=progress)
    if folder is not None:
        title = f"{config.recipe or config.model.name} on {Path(config.data.name).name}"
        picture = lr_curve(sweep.lrs, sweep.losses, sweep.smoothed, suggestion=sweep.suggestion, title=title)
        write_bytes(folder / CURVE, picture)
        write_json(folder / SWEEP, {"name": title, **sweep.as_dict()})
    return sweep


def _made(folder: Path) -> Path:
    """Make the folder, before anything is computed for it; raises ConfigError where a file has its name."""
    try:
        make_writable(folder, needed=TRIED_BYTES)
    except NotADirectoryError as error:
        raise ConfigError(f"out: {error}") from None
    return folder
