"""Pre-training as part of a run: the weights reach the network, and a run that is stopped in it, at any
instant, comes to the same bits."""

import signal
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from cnnlab.errors import ConfigError, DataError, DivergedError, RunError, StoppedError
from cnnlab.models import create_model
from cnnlab.runs import RunFolder, find_pretraining, load_pretraining, load_weights, read_record
from cnnlab.runs.pretrained import RECORD, TENSORS
from cnnlab.training import SilentProgress, begin_longer, check_pretraining
from cnnlab.training.execution import choose_execution
from cnnlab.training.pretraining import start
from cnnlab.training.pretraining.layer import LayerInput
from cnnlab.training.pretraining.unlabelled import UnlabelledImages
from cnnlab.training.state import new_state
from disk_faults import watched_disk
from own_process import context
from own_process import start as start_process
from tiny_chain import chain_config, register_tiny_chain, run_chain
from tiny_training import outcome, tiny_images

CONV_NAMES = [f"features.conv{layer}.{part}" for layer in (1, 2) for part in ("weight", "bias")]


class Lines(SilentProgress):
    """Keeps the messages; one that begins with `until` raises what is given."""

    def __init__(self, until: str = "never", error: BaseException | signal.Signals | None = None) -> None:
        self.lines: list[str] = []
        self._until, self._error = until, error

    def message(self, text: str) -> None:
        self.lines.append(text)
        if text.startswith(self._until):
            if isinstance(self._error, signal.Signals):
                signal.raise_signal(self._error)
            elif self._error is not None:
                raise self._error


@cache
def whole(tmp: Path, **changes: Any) -> dict[str, Any]:
    run_chain(tmp, chain_config(**changes))
    return {**outcome(tmp), "pretrained": (tmp / TENSORS).read_bytes()[-2000:]}


@pytest.fixture
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return whole(tmp_path_factory.getbasetemp() / "whole-chain")


def came_to(path: Path) -> dict[str, Any]:
    return {**outcome(path), "pretrained": (path / TENSORS).read_bytes()[-2000:]}


# --- what a run gets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["autoencoder", "rbm"])
def test_the_network_starts_from_what_was_learnt(tmp_path, method):
    """A step so small that it changes nothing shows the starting weights."""
    config = chain_config(pretrain__method=method, optim__lr=1e-30, train__ema_decay=None)
    lines = Lines()
    run_chain(tmp_path / "run", config, progress=lines)
    pretraining = load_pretraining(RunFolder(tmp_path / "run"))
    assert pretraining is not None and set(pretraining.weights) == set(CONV_NAMES)
    final, _ = load_weights(tmp_path / "run" / "model.safetensors")
    for name in CONV_NAMES:
        torch.testing.assert_close(final[name], pretraining.weights[name], atol=1e-25, rtol=0.0)
    # The first filters are those of the picture, but for one factor.
    ratio = final["features.conv1.weight"] / pretraining.pictures["filters after"]
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio))
    untrained = new_state(config, choose_execution(config), in_channels=1, num_classes=4, image_size=8)
    before = untrained.model.state_dict()
    assert not torch.allclose(final["features.conv1.weight"], before["features.conv1.weight"], atol=1e-3)
    torch.testing.assert_close(final["head.fc1.weight"], before["head.fc1.weight"], atol=1e-25, rtol=0.0)

    record = read_record(RunFolder(tmp_path / "run"))
    assert record is not None and record == pretraining.record
    assert (record.method, record.num_images) == (method, 72)
    assert [(layer.layer, layer.steps) for layer in record.layers] == [("conv1", 8), ("conv2", 8)]
    said = [line for line in lines.lines if line.startswith("pre-training")]
    assert said[0] == f"pre-training layer by layer ({method}) on 72 unlabelled images"
    for layer, line in zip(record.layers, said[1:], strict=True):
        assert line.startswith(
            f"pre-training {layer.layer} ({method}): 8 steps, reconstruction error {layer.error_before:.3f}, "
            f"then {layer.error:.3f} of the variance, "
        )
        assert layer.error < layer.error_before


def test_pictures_are_in_units_of_pixels(tmp_path):
    run_chain(tmp_path / "run", chain_config(pretrain__corruption=0.4))
    pretraining = load_pretraining(RunFolder(tmp_path / "run"))
    assert pretraining is not None
    pictures = pretraining.pictures
    every = (tiny_images("val", 40).images / 255).flatten(1)
    pixels = pictures["originals"]
    assert pixels.shape == (10, 1, 8, 8)
    nearest = torch.cdist(pixels.flatten(1), every).min(dim=1)
    assert nearest.values.max() < 0.01 and len(nearest.indices.unique()) == 10
    share = (pictures["corrupted"] != pictures["originals"]).float().mean().item()
    assert share == pytest.approx(0.4, abs=0.06)
    assert pictures["restored"].shape == pixels.shape
    assert pictures["filters before"].shape == pictures["filters after"].shape == (6, 1, 3, 3)


def test_the_moving_average_starts_from_it_too():
    config = chain_config()
    pretrained = {
        name: torch.ones_like(value) for name, value in create_model("tiny_chain").state_dict().items()
    }
    pretrained = {name: pretrained[name] for name in CONV_NAMES}
    state = new_state(config, choose_execution(config), in_channels=1, num_classes=10, image_size=8)
    state.start_from(pretrained)
    for network in (state.model, state.evaluated_model):
        assert all((network.state_dict()[name] == 1).all() for name in CONV_NAMES)
    assert state.ema is not None


def test_pre_training_sees_the_unlabelled_images_and_the_scale_of_pixels_is_theirs(tmp_path):
    few = tiny_images("train", 16)
    every = tiny_images("train", 72)
    run_chain(tmp_path / "few", train=few, unlabelled=every)
    record = read_record(RunFolder(tmp_path / "few"))
    assert record is not None and record.num_images == 72
    data = RunFolder(tmp_path / "few").environment["data"]
    assert {split: seen["num_images"] for split, seen in data.items()} == {
        "train": 16,
        "val": 40,
        "unlabelled": 72,
    }
    _, about_few = load_weights(tmp_path / "few" / "model.safetensors")
    run_chain(tmp_path / "other" / "every", train=every)
    _, about_every = load_weights(tmp_path / "other" / "every" / "model.safetensors")
    assert about_few["preprocessing"] == about_every["preprocessing"]


def test_their_labels_are_not_looked_at(tmp_path):
    every = tiny_images("train")
    relabelled = replace(every, labels=torch.zeros_like(every.labels))
    run_chain(tmp_path / "a" / "run", unlabelled=every)
    run_chain(tmp_path / "b" / "run", unlabelled=relabelled)
    assert came_to(tmp_path / "a" / "run")["weights"] == came_to(tmp_path / "b" / "run")["weights"]


def test_without_it_nothing_is_left(tmp_path):
    run_chain(tmp_path / "run", chain_config(pretrain__method="none"), unlabelled=tiny_images("train"))
    assert not list((tmp_path / "run").glob("pretrain*"))
    assert set(RunFolder(tmp_path / "run").environment["data"]) == {"train", "val"}


def test_a_network_that_cannot_be_is_refused_only_where_it_shall_be():
    network = create_model("resnet20")
    check_pretraining(chain_config(pretrain__method="none", model__name="resnet20"), network)
    with pytest.raises(ConfigError, match=r"pretrain\.method: .* Received: resnet20"):
        check_pretraining(chain_config(model__name="resnet20"), network)


def test_a_rate_that_leaves_the_numbers_is_named(tmp_path):
    with pytest.raises(DivergedError, match=r"pretrain\.lr: in pre-training 'conv1' .* Try a lower one"):
        run_chain(tmp_path / "run", chain_config(pretrain__lr=1e30))
    assert not (tmp_path / "run" / TENSORS).exists()


# --- the same bits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "until",
    [
        "pre-training layer by layer",  # before the first step
        "pre-training conv1",  # between the layers
        "pre-training conv2",  # after the last step, before anything is kept
        "tiny_chain on",  # everything is kept; the first step of the training has not been done
    ],
)
def test_interrupted_anywhere_it_ends_with_the_same_bits(tmp_path, expected, until):
    class Started(Lines):
        def start(self, title: str, *args: object, **kwargs: object) -> None:
            self.message(title)

    with pytest.raises(KeyboardInterrupt):
        run_chain(tmp_path / "run", chain_config(), progress=Started(until, KeyboardInterrupt()))
    assert (tmp_path / "run" / TENSORS).exists() == (until == "tiny_chain on")
    lines = Lines()
    run_chain(tmp_path / "run", progress=lines)
    assert came_to(tmp_path / "run") == expected
    assert any("layer by layer" in line for line in lines.lines) == (until != "tiny_chain on")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_with_one_line(tmp_path, expected, number, code):
    with pytest.raises(StoppedError) as caught:
        run_chain(tmp_path / "run", chain_config(), progress=Lines("pre-training conv1", number))
    assert caught.value.exit_code == code
    assert str(caught.value) == (
        f"Stopped in pre-training conv2, which begins again with: cnnlab resume {tmp_path / 'run'}"
    )
    run_chain(tmp_path / "run")
    assert came_to(tmp_path / "run") == expected


def sit(path: Path, sender: Any, at: str) -> None:
    """Run in a process of its own, and wait to be killed where a message begins so."""
    register_tiny_chain()
    torch.set_num_threads(1)

    class Wait(Lines):
        def message(self, text: str) -> None:
            if text.startswith(at):
                sender.send(None)
                signal.pause()

    run_chain(path, chain_config(), progress=Wait())


def test_killed_in_the_middle_of_it(tmp_path, expected):
    receiver, sender = context().Pipe(duplex=False)
    process = start_process(sit, tmp_path / "run", sender, "pre-training conv1")
    receiver.recv()
    process.kill()
    process.join()
    assert process.exitcode == -9
    assert not (tmp_path / "run" / TENSORS).exists()
    run_chain(tmp_path / "run")
    assert came_to(tmp_path / "run") == expected


@pytest.mark.parametrize("replaced", [1, 2])
def test_killed_while_it_is_kept(tmp_path, expected, replaced):
    """At the renaming of the first file, or of the second; before them environment.json is written."""
    names: list[str] = []

    def stop(number: int, name: str) -> None:
        names.append(name)
        if name == "replace" and names.count("replace") == replaced + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watched_disk(stop):
        run_chain(tmp_path / "run", chain_config())
    assert (tmp_path / "run" / RECORD).exists() == (replaced == 2)
    assert not (tmp_path / "run" / TENSORS).exists()
    run_chain(tmp_path / "run")
    assert came_to(tmp_path / "run") == expected


def test_what_was_kept_is_verified(tmp_path, expected):
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_chain(path, chain_config(), progress=StopAtFirstStep())
    kept = bytearray((path / TENSORS).read_bytes())
    kept[-1] ^= 1
    (path / TENSORS).write_bytes(kept)
    lines = Lines()
    run_chain(path, progress=lines)
    assert any("damaged weights" in line and "passed over" in line for line in lines.lines)
    assert came_to(path) == expected


class StopAtFirstStep(SilentProgress):
    def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
        raise KeyboardInterrupt


def test_a_run_goes_on_without_it_once_there_is_a_checkpoint(tmp_path, expected):
    class StopLater(SilentProgress):
        def step(self, step: int, *, loss: float, top1: float, images_per_s: float) -> None:
            if step == 8:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_chain(tmp_path / "run", chain_config(), progress=StopLater())
    lines = Lines()
    run_chain(tmp_path / "run", progress=lines)
    assert not [line for line in lines.lines if line.startswith("pre-training")]
    assert came_to(tmp_path / "run") == expected


def test_other_settings_are_refused_where_there_is_a_checkpoint(tmp_path):
    run_chain(tmp_path / "run")
    with pytest.raises(RunError, match=r"pretrain\.lr was 0\.002, here 0\.001"):
        run_chain(tmp_path / "run", chain_config(pretrain__lr=0.001))


def test_other_unlabelled_images_are_refused_where_there_is_a_checkpoint(tmp_path):
    run_chain(tmp_path / "run")
    with pytest.raises(RunError, match="the unlabelled images are not those of the checkpoint"):
        run_chain(tmp_path / "run", unlabelled=tiny_images("train", 60))


def test_a_longer_run_that_goes_on_from_it_has_what_it_left(tmp_path):
    constant = {"schedule__name": "constant", "train__log_every": 6}
    run_chain(tmp_path / "short", chain_config(**constant))
    config = chain_config(**constant, train__steps=24)
    longer = begin_longer(RunFolder(tmp_path / "short"), config, tmp_path)
    lines = Lines()
    run_chain(longer.path, progress=lines)
    assert not [line for line in lines.lines if line.startswith("pre-training")]
    run_chain(tmp_path / "alone" / "long", config)
    assert came_to(longer.path) == came_to(tmp_path / "alone" / "long")


# --- runs that share it -----------------------------------------------------------------------------------


def test_runs_beside_each_other_share_it(tmp_path):
    """Another number of labels and another length: the same starting weights, and the bits of a run alone."""
    every, few = tiny_images("train"), tiny_images("train", 32)
    changes = {"train__steps": 6, "optim__lr": 0.01}
    run_chain(tmp_path / "out" / "first", unlabelled=every)
    lines = Lines()
    run_chain(
        tmp_path / "out" / "second", chain_config(**changes), train=few, unlabelled=every, progress=lines
    )
    said = [line for line in lines.lines if line.startswith("pre-training")]
    assert said == [
        f"pre-training: the same was done for {tmp_path / 'out' / 'first'}; its weights are taken"
    ]
    run_chain(tmp_path / "alone" / "second", chain_config(**changes), train=few, unlabelled=every)
    assert came_to(tmp_path / "out" / "second") == came_to(tmp_path / "alone" / "second")
    records = [read_record(RunFolder(tmp_path / "out" / name)) for name in ("first", "second")]
    assert records[0] == records[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"pretrain__method": "rbm"},
        {"pretrain__epochs": 1},
        {"pretrain__lr": 0.01},
        {"model__args__dropout": 0.1},
        {"data__scale": "unit"},
        {"data__crop_size": 8},
    ],
)
def test_runs_that_differ_in_what_decides_it_do_not(tmp_path, monkeypatch, changes):
    origins = []
    monkeypatch.setattr(start, "find_pretraining", lambda folder, origin, warn: origins.append(origin))
    run_chain(tmp_path / "a" / "run")
    run_chain(tmp_path / "b" / "run", chain_config(**changes))
    assert len(origins) == 2 and origins[0] != origins[1]


def test_a_damaged_neighbour_is_passed_over(tmp_path):
    run_chain(tmp_path / "first")
    record = read_record(RunFolder(tmp_path / "first"))
    assert record is not None
    (tmp_path / "first" / RECORD).write_text("{")
    (tmp_path / "second").mkdir()
    lines: list[str] = []
    assert find_pretraining(RunFolder(tmp_path / "second"), record.origin, warn=lines.append) is None
    assert len(lines) == 1 and "passed over" in lines[0]


def test_a_rate_that_ruins_a_layer_is_named(tmp_path):
    with pytest.raises(DivergedError, match=r"^pretrain\.lr: in pre-training 'conv\d' .*Received: 5000\.$"):
        run_chain(tmp_path / "run", chain_config(pretrain__lr=5000.0))


@pytest.mark.parametrize("method", ["autoencoder", "rbm"])
def test_images_that_are_all_the_same_teach_nothing(tmp_path, method):
    config = chain_config(pretrain__method=method)
    execution = choose_execution(config)
    grey = tiny_images("train", 20)
    same = replace(grey, images=torch.full_like(grey.images, 7))
    images = UnlabelledImages(same, config.data, execution, seed=0, mean=(0.4,), std=(0.25,))
    with pytest.raises(DataError, match=r"^pretrain\.method: there is nothing to learn from: what layer 1"):
        LayerInput([], images, execution)
