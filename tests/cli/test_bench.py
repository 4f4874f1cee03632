"""`cnnlab bench`."""

import json
import sys

import pytest
from PIL import Image

from cnnlab import lab
from cnnlab.bench import floor
from cnnlab.lab.splits import load_splits
from cnnlab.models import layers_of

TINY = ["--data", "digits", "--rounds", "2", "--steps", "1", "--threads", "1"]


@pytest.fixture(autouse=True)
def _small_matrices(monkeypatch):
    monkeypatch.setattr(floor, "SIZE", 64)


def test_a_table_and_json(run_cli):
    result = run_cli(
        "bench", "train", "convnet_mnist", "lenet5", *TINY, "--set", "data.image_size=14", "--peers", "plain"
    )
    assert result.code == 0
    assert "convnet_mnist" in result.out and "lenet5" in result.out and "times" in result.out
    assert "Matrix product" in result.out
    (values,) = json.loads(run_cli("bench", "train", "convnet_mnist", *TINY, "--json").out)
    assert values["images_per_s"] > 0 and values["best_peer"] is None and len(values["seconds"]) == 2


def test_layers_by_themselves(run_cli):
    arguments = ("bench", "train", "convnet_mnist", *TINY, "--layers")
    shown = run_cli(*arguments).out
    assert "features.conv2" in shown and "of the step" in shown and "rest" in shown
    (values,) = json.loads(run_cli(*arguments, "--json").out)
    assert values["layers"]["step_s"] > 0 and values["layers"]["parts"][-1]["name"] == "rest"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["convnet_mnist", "--rounds", "1"], "rounds: must be 2 to 10000. Received: 1."),
        (["convnet_mnist", "--steps", "0"], "steps: must be 1 to 10000. Received: 0."),
        (["convnet", "--data", "digits"], "Did you mean"),
    ],
)
def test_what_is_typed_wrong(run_cli, arguments, line):
    result = run_cli("bench", "train", *arguments)
    assert result.code == 2 and line in result.err


def test_the_same_network_with_another_setting(run_cli):
    result = run_cli("bench", "train", "alexnet_mnist3", *TINY, "--variant", "model.args.lrn=false", "--json")
    names = [row["name"] for row in json.loads(result.out)]
    assert names == ["alexnet_mnist3-digits", "alexnet_mnist3-digits, lrn=False"]


def test_a_variant_of_several_settings(run_cli):
    both = "model.args.lrn=false; threads=1"
    _, row = json.loads(run_cli("bench", "train", "alexnet_mnist3", *TINY, "--variant", both, "--json").out)
    assert row["name"] == "alexnet_mnist3-digits, lrn=False, threads=1"
    assert row["execution"]["threads"] == 1
    result = run_cli("bench", "train", "lenet5", *TINY, "--variant", "threads=1;")
    assert result.code == 2 and "--variant takes FIELD=VALUE" in result.err


def test_inference(run_cli, tmp_path):
    few = ["--rounds", "2", "--steps", "1", "--threads", "1"]
    shown = run_cli("bench", "infer", "lenet5", "--plain", *few).out
    assert "lenet5" in shown and "2 per MAC" in shown and "PyTorch float32" in shown
    run = run_cli("train", "convnet_mnist", "--data", "digits", "--steps", "2", "--out", tmp_path).out.strip()
    one, two = json.loads(
        run_cli("bench", "infer", run, *few, "--batch-size", "3", "--batch-size", "2", "--json").out
    )
    assert (one["batch_size"], two["batch_size"]) == (3, 2) and one["macs"] == two["macs"] > 0


def test_data(run_cli, tmp_path):
    few = ["--rounds", "2", "--calls", "1", "--threads", "1"]
    shown = run_cli("bench", "data", "resnet20", "--data", "synthetic:3x32x32x300", *few)
    assert "read" in shown.out and "batch" in shown.out
    rows = json.loads(
        run_cli(
            *("bench", "data", "resnet20", "--data", "synthetic:3x32x32x300", *few, "--json"),
            *("--set", "data.augment.mirror=true", "--set", "data.augment.pad_crop=2"),
        ).out
    )
    parts = [row["part"] for row in rows]
    assert parts == ["read", "batch", "batch, pad_crop", "batch, mirror", "batch, all of these"]
    assert all(row["images_per_s"] > 0 for row in rows)
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (9, 9), (number, 0, 0)).save(tmp_path / "pets" / label / f"{number}.png")
    rows = json.loads(run_cli("bench", "data", "resnet20", "--data", tmp_path / "pets", *few, "--json").out)
    assert [row["part"] for row in rows][:2] == ["read", "decode 16 files"]


def test_each_network_keeps_its_own_threads(run_cli):
    arguments = (
        "bench",
        "train",
        "convnet_mnist",
        *TINY,
        "--threads",
        "1",
        "--variant",
        "threads=2",
        "--json",
    )
    one, two = json.loads(run_cli(*arguments).out)
    assert (one["execution"]["threads"], two["execution"]["threads"]) == (1, 2)


def test_batches_are_as_large_as_the_data(run_cli):
    (row,) = json.loads(
        run_cli(
            "bench",
            "train",
            "lenet5",
            "--data",
            "synthetic:1x28x28x50",
            "--rounds",
            "2",
            "--steps",
            "1",
            "--threads",
            "1",
            "--batch-size",
            "100000",
            "--json",
        ).out
    )
    assert row["batch_size"] == 45


def test_inference_sees_what_the_recipe_does(run_cli):
    (row, _) = json.loads(
        run_cli(
            "bench", "infer", "resnet20-mnist", "--rounds", "2", "--steps", "1", "--json", "--threads", "1"
        ).out
    )
    assert row["macs"] == layers_of("resnet20", in_channels=1, image_size=28).macs


def test_inference_sees_images_of_a_folders_own_size(run_cli):
    few = ("--rounds", "2", "--steps", "1", "--batch-size", "2", "--json", "--threads", "1")
    (row,) = json.loads(
        run_cli("bench", "infer", "resnet20", *few, "--set", "data.name=synthetic:1x24x24x200").out
    )
    assert row["macs"] == layers_of("resnet20", in_channels=1, image_size=24).macs
    missing = run_cli("bench", "infer", "resnet20", *few, "--set", "data.name=./nowhere")
    assert missing.code == 3 and missing.err == "Error: data.name: there is no folder './nowhere'.\n"


def test_time_to_accuracy(run_cli, tmp_path, monkeypatch):
    program = tmp_path / "other.py"
    program.write_text("import json\nprint(json.dumps({'train_seconds': 60.0, 'top1': 90.0}))\n")
    # Compiling takes seconds; tests/nn/test_kernels.py times it.
    monkeypatch.setattr(sys.modules[lab.time_to.__module__], "seconds_to_compile", lambda: 1.5)
    arguments = ("bench", "time-to", "convnet_mnist", "--data", "digits", "--seeds", "2", "--threads", "1")
    reached = run_cli(*arguments, "--top1", "50", "--peers", program, "--set", "train.epochs=4")
    assert reached.code == 0 and "50.00% is reached" in reached.out and "other" in reached.out
    assert "seed 100: " in reached.err and "other 60.00 s" in reached.err
    missed = run_cli(*arguments, "--top1", "100", "--set", "train.steps=1", "--json")
    values = json.loads(missed.out)
    assert missed.code == 1 and not values["has_reached"] and len(values["seeds"]) == 2
    assert [seed["seed"] for seed in values["seeds"]] == [100, 101]
    assert 0 < values["top1"] < 1 and values["train_seconds"] > 0
    assert values["split"] == "test" and values["num_images"] == 360
    assert values["compile_seconds"] == 1.5
    low, high = values["together_interval"]
    assert low < values["together_top1"] < high


def test_time_to_accuracy_on_validation_images(run_cli, monkeypatch):
    arguments = ("time-to", "convnet_mnist", "--data", "digits", "--seeds", "1", "--set", "train.steps=2")
    read, module = [], sys.modules[lab.time_to.__module__]

    def load(config, splits, **more):
        read.append(splits)
        return load_splits(config, splits, **more)

    monkeypatch.setattr(module, "load_splits", load)
    monkeypatch.setattr(module, "seconds_to_compile", lambda: 1.5)
    values = json.loads(run_cli("bench", *arguments, "--top1", "1", "--split", "val", "--json").out)
    assert values["split"] == "val" and values["num_images"] == 180 and values["together_top1"] is None
    assert read == [("train", "val")]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["time-to", "lenet5", "--top1", "0.99"], "--top1: is in percent, 1 to 100. Received: 0.99."),
        (["time-to", "lenet5", "--top1", "199"], "--top1: is in percent, 1 to 100. Received: 199."),
        (["time-to", "lenet5", "--top1", "99", "--peers", "plain"], "There is no such file: plain."),
        (
            ["time-to", "lenet5", "--top1", "99", "--split", "train"],
            "split: must be test or val. Received: train.",
        ),
        (
            ["time-to", "lenet5", "--top1", "99", "--split", "val", "--peers", "a.py"],
            "--peers: programs of others are scored on test images; leave out --split val.",
        ),
        (
            ["time-to", "convnet_mnist", "--top1", "99", "--set", "pretrain.method=autoencoder"],
            "pretrain.method: what is learned before the first step is not timed",
        ),
        (["train", "lenet5", "--variant", "lrn"], "--variant takes FIELD=VALUE"),
        (
            ["train", "convnet_mnist", "--peers", "plain", "--peers", "plain", "--data", "digits"],
            "give each once",
        ),
        (["time-to", "lenet5", "--top1", "99", "--seeds", "0"], "seeds: must be 1 to 1000. Received: 0."),
        (["time-to", "lenet5", "--top1", "99", "--peers", "none.py"], "There is no such file: none.py."),
        (["infer", "lenet5", "--batch-size", "0"], "batch_size: must be 1 to 100000. Received: 0."),
        (["infer", "lenet6"], "Did you mean"),
        (["data", "lenet5", "--calls", "0"], "calls: must be 1 to 10000. Received: 0."),
        (["data", "lenet5", "--rounds", "1"], "rounds: must be 2 to 10000. Received: 1."),
    ],
)
def test_what_is_typed_wrong_elsewhere(run_cli, arguments, line):
    result = run_cli("bench", *arguments)
    assert result.code in (2, 3) and line in result.err
