"""The verbs `train` and `resume`: data in, run folder out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnlab.config import RunConfig
from cnnlab.data import Dataset
from cnnlab.errors import ConfigError, GeometryError, RunError
from cnnlab.evaluation import ONE_VIEW, check_first, check_slack, views_in_words
from cnnlab.lab.evaluate import evaluate
from cnnlab.lab.lengthen import longer_run
from cnnlab.lab.resolve import resolve
from cnnlab.lab.splits import load_splits, say_converted
from cnnlab.lab.track import followed, make_trackers, track
from cnnlab.models import create_model, has_batch_norm, model_info
from cnnlab.reporting import write_curves, write_pretraining
from cnnlab.runs import RunFolder, load_weights
from cnnlab.training import (
    LineProgress,
    Progress,
    check_augmentation,
    check_balance,
    check_pretraining,
    fit,
    network_size,
    stopped_after_training,
    why_other_bits,
    why_other_images,
    why_other_settings,
)


def train(
    recipe: str | RunConfig,
    *,
    out: Path | str = "runs",
    progress: Progress | None = None,
    tensorboard: bool = False,
    mlflow: str | None = None,
    test: bool = True,
    **options: Any,
) -> Path:
    """Train a network, look at the test images once, and leave a run folder.

    Args:
        recipe: a recipe, a network, a TOML file, or a complete config.
        out: where the run folder is made.
        progress: told of what happens; plain lines on stderr if not given.
        tensorboard: write what TensorBoard shows into the run folder.
        mlflow: show it on this MLflow server, such as `http://127.0.0.1:5000`.
        test: evaluate on the test images at the end.
        **options: as `resolve` takes them, such as `data`, `epochs`, `steps`, `lr` and `seed`.

    Returns:
        The run folder.

    Raises:
        CnnlabError: see `fit` and `load_data`.

    Example:
        >>> run = cnnlab.train("convnet_mnist", data="digits", epochs=5)
        >>> sorted(path.name for path in run.glob("*.json*"))
        ['cost.json', 'environment.json', 'eval.json', 'metrics.jsonl']
    """
    progress = progress or LineProgress()
    config = resolve(recipe, say=progress.message, **options)
    trackers = make_trackers(tensorboard=tensorboard, mlflow=mlflow)
    splits = _load(config, test=test, warn=progress.message)
    check_network(config, splits["train"])
    folder = RunFolder.create(Path(out), config)
    with followed(folder, trackers, progress) as told:
        return _fit_and_test(config, splits, folder, told, test=test, inexact=False)


def resume(
    run: Path | str,
    *,
    epochs: float | None = None,
    steps: int | None = None,
    progress: Progress | None = None,
    tensorboard: bool = False,
    mlflow: str | None = None,
    inexact: bool = False,
    test: bool = True,
    threads: int | None = None,
) -> Path:
    """Go on with a run exactly where it stopped; a run that has finished is left as it is.

    Weights of a finished run that are missing or damaged are made again from its last checkpoint.

    With `epochs` or `steps`, a finished run of a constant rate is made longer, to the bits that the longer
    run comes to by itself; that one has a folder of its own.

    Args:
        run: the run folder.
        epochs: passes over the training images of the longer run, from its beginning.
        steps: the same in updates.
        progress: told of what happens; plain lines on stderr if not given.
        tensorboard: as `train` takes it.
        mlflow: likewise; the run goes on there under its id.
        inexact: go on even where this machine computes in another way, giving other bits.
        test: evaluate on the test images at the end.
        threads: threads of the CPU, should this machine choose another number by itself.

    Returns:
        The run folder; of the longer run where there is one.

    Raises:
        CnnlabError: see `fit` and `load_data`.

    Example:
        >>> run = cnnlab.train("convnet_mnist", data="digits", steps=20)
        >>> cnnlab.resume(run) == run  # it has finished; a run that was stopped is gone on with
        True
    """
    progress = progress or LineProgress()
    folder = RunFolder.open(Path(run))
    trackers = make_trackers(tensorboard=tensorboard, mlflow=mlflow)
    if epochs is not None or steps is not None:
        if not inexact:
            _check_goes_on(folder, threads, warn=progress.message)
        folder = longer_run(folder, epochs=epochs, steps=steps, say=progress.message)
    config = folder.config
    if folder.evaluation is not None:
        try:
            load_weights(folder.weights)
        except RunError as error:
            progress.message(f"{error} The weights are made again from the last checkpoint.")
        else:
            progress.message(f"{folder.path}: has finished; nothing to do.")
            if trackers:
                track(folder.path, tensorboard=tensorboard, mlflow=mlflow, warn=progress.message)
            return folder.path
    splits = _load(config, test=test, warn=progress.message)
    running = _with_threads(config, threads)
    with followed(folder, trackers, progress) as told:
        return _fit_and_test(running, splits, folder, told, test=test, inexact=inexact)


def _with_threads(config: RunConfig, threads: int | None) -> RunConfig:
    return config if threads is None else config.with_changes({"threads": threads}, source="--threads")


def _check_goes_on(folder: RunFolder, threads: int | None, *, warn: Callable[[str], None]) -> None:
    """Refuse, before a folder is made for a longer run, what could not come to the same bits.

    Raises:
        RunError: the images or the way of computing are not those of the run.
    """
    if different := why_other_settings(folder):
        raise RunError(f"{folder.path}: {different} Change it back, or train anew.")
    different = why_other_bits(folder, _with_threads(folder.config, threads), warn=warn)
    if different:
        raise RunError(f"{folder.path}: cannot go on to the same bits: {different}. --inexact goes on.")
    data = load_splits(folder.config.data, ("train", "val"), warn=warn)
    fingerprints = {split: part.fingerprint for split, part in data.items()}
    if different := why_other_images(folder, fingerprints):
        raise RunError(f"{folder.path}: {different} Bring them back, or train anew.")


def _load(config: RunConfig, *, test: bool, warn: Callable[[str], None]) -> dict[str, Dataset]:
    """Read what training needs; a test part that cannot be scored later is found now, not after hours."""
    splits = ("train", "val", "test") if test else ("train", "val")
    datasets = load_splits(config.data, splits, warn=warn)
    say_converted(datasets, warn)
    if test:
        check_evaluation(config, datasets.pop("test"))
    if config.pretrain.method != "none" and config.data.train_size is not None:
        every = config.data.model_copy(update={"train_size": None})
        datasets["unlabelled"] = load_splits(every, ("train",))["train"]
    return datasets


def check_network(config: RunConfig, train: Dataset) -> None:
    """Refuse what cannot be built before a run folder is made for it.

    Raises:
        ConfigError: the network, an argument of it, the windows, the augmentation or the balancing is wrong,
            or it is to be pre-trained and cannot be.
        GeometryError: the images, or their windows, are too small for the network.
    """
    check_augmentation(config.data, train)
    check_balance(config.train, train)
    try:
        network = create_model(
            config.model.name,
            in_channels=train.in_channels,
            num_classes=train.num_classes,
            image_size=network_size(config.data, train),
            **config.model.args,
        )
    except GeometryError as error:
        size = model_info(config.model.name).image_size
        field = "image_size" if config.data.crop_size is None else "crop_size"
        raise GeometryError(f"{error} Enlarge them, for example with --set data.{field}={size}.") from None
    check_pretraining(config, network)
    if min(config.train.batch_size, len(train)) == 1 and has_batch_norm(network):
        raise ConfigError("train.batch_size: batch normalisation needs 2 images or more. Received: 1.")


def check_evaluation(config: RunConfig, test: Dataset) -> None:
    """Refuse, before training, test images that cannot be scored as `evaluation` says; raises ConfigError."""
    check_first(config.evaluation.first, test)
    size = test.image_size
    crop_size = config.data.crop_size or size
    check_slack(config.evaluation.tta, image_size=size, crop_size=crop_size, place="evaluation.tta")


def _fit_and_test(
    config: RunConfig,
    splits: dict[str, Dataset],
    folder: RunFolder,
    progress: Progress,
    *,
    test: bool,
    inexact: bool,
) -> Path:
    """Train what is left, then evaluate and draw."""
    fit(
        config,
        splits["train"],
        splits["val"],
        folder,
        unlabelled=splits.get("unlabelled"),
        progress=progress,
        inexact=inexact,
    )
    if not test:  # else they are drawn with the score
        write_curves(folder)
    if config.pretrain.method != "none":
        try:
            write_pretraining(folder)
        except RunError as error:
            progress.message(f"{error} Its pictures are left out.")
    if test:
        with stopped_after_training(folder):
            evaluation = evaluate(folder.path, root=config.data.root, warn=progress.message)
        if first := evaluation["first"]:
            progress.message(f"test {_top1(first)} on the first {first['num_images']:,} images alone")
        views = views_in_words(evaluation["tta"], evaluation["average"])
        by_views = "" if views == ONE_VIEW else f", {views}"
        num_images = evaluation["num_images"]
        progress.message(f"test {_top1(evaluation)} on {num_images:,} images{by_views}  {folder.path}")
    return folder.path


def _top1(scores: dict[str, Any]) -> str:
    low, high = scores["top1_interval"]
    return f"{scores['top1']:.2%} ({low:.2%} to {high:.2%}, 95 %)"
