"""A mistake of the user's gives one line that names it, the documented exit code, and never a traceback."""

import gzip
import os
import struct

import pytest
from PIL import Image

import cnnlab.runs.atomic
from cnnlab.cli import main

BAD_INPUT, MISSING = 2, 3


def expect_one_line(result, code: int, *parts: str) -> None:
    lines = result.err.strip().splitlines()
    assert result.code == code, result.err
    assert lines and lines[-1].startswith("Error: "), result.err
    assert len([line for line in lines if line.startswith("Error")]) == 1
    for part in parts:
        assert part in lines[-1], lines[-1]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["train", "lenet5", "--epoch", "3"], ["--epoch", "--epochs"]),
        (["train", "lenet5", "--epochs", "many"], ["--epochs"]),
        (["train", "lenet5", "--lr", "-1"], ["optim.lr", "-1"]),
        (["train", "lenet5", "--device", "tpu"], ["device", "'tpu'"]),
        (["train", "lenet55"], ["lenet55", "'lenet5'"]),
        (["train", "lenet5", "--data", "minst"], ["minst", "'mnist'"]),
        (["train", "lenet5", "--set", "optim.lrr=1"], ["optim.lrr", "'lr'"]),
        (["train", "lenet5", "--set", "optin.lr=1"], ["optin", "'optim'"]),
        (["train", "lenet5", "--set", "optim.lr"], ["FIELD=VALUE", "optim.lr"]),
        (["train", "lenet5", "--set", "model.args={dropuot=0.1}", "--data", "digits"], ["dropuot"]),
        (["train", "lenet5", "--data", "digits"], ["conv2", "12x12", "data.image_size"]),
        (["train", "lenet5", "--data", "digits", "--set", "data.val_size=5000"], ["val_size", "5000"]),
        (["train", "lenet5", "--epochs", "2", "--steps", "5"], ["epochs", "steps"]),
        (["train", "missing.toml"], ["missing.toml"]),
        (["train", "resnet20", "--data", "digits", "--batch-size", "1"], ["batch_size", "2 images"]),
        (["train", "lenet5", "--set", "optim.momentum=0"], ["nesterov", "momentum"]),
        (["train"], ["NAME"]),
        (["trian", "lenet5"], ["trian"]),
        (["compare", "lenet5", "lenet5"], ["lenet5", "twice"]),
        (["compare", "lenet5", "--seeds", "0"], ["seeds", "0"]),
        (["lr-find", "lenet55"], ["lenet55", "'lenet5'"]),
        (["lr-find", "lenet5", "--lr", "0.1"], ["--lr"]),
        (["lr-find", "lenet5", "--steps", "3"], ["steps", "20 to 100,000", "3"]),
        (["lr-find", "lenet5", "--lowest", "1", "--highest", "0.1"], ["lowest, highest", "1 and 0.1"]),
        (["models", "show", "resnet21"], ["resnet21", "resnet20"]),
        (["recipes", "show", "resnet"], ["resnet"]),
        (["evaluate", "no-such-run"], ["no-such-run", "cnnlab runs"]),
        (["resume", "no-such-run"], ["no-such-run"]),
        (["predict", "no-such-run", "x.png"], ["no-such-run"]),
        (["data", "check", "cifar"], ["cifar", "'cifar10'"]),
        *(
            ([*command, ""], [f"{place}: must not be empty; the current folder is called '.'. Received: ''."])
            for place, *command in (
                ("--out", "train", "lenet5", "--out"),
                ("--data-root", "train", "lenet5", "--data-root"),
                ("--out", "lr-find", "lenet5", "--out"),
                ("--save", "compare", "lenet5", "--save"),
                ("--out", "study", "origins", "--out"),
                ("--save", "study", "origins", "--save"),
                ("--out", "runs", "--out"),
                ("RUN", "resume"),
                ("RUN", "evaluate"),
            )
        ),
    ],
)
def test_bad_input(run_cli, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    expect_one_line(run_cli(*arguments), BAD_INPUT, *parts)
    assert not list(tmp_path.glob("runs/*")), "a mistake left a run folder"


@pytest.mark.parametrize("command", ["train", "data check"])
def test_missing_folder(run_cli, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    first = ["data", "check"] if command == "data check" else ["train", "lenet5", "--data"]
    expect_one_line(run_cli(*first, "./flowers"), MISSING, "./flowers")


def test_missing_image(run_cli, finished):
    expect_one_line(run_cli("predict", finished, "nothing.png"), MISSING, "nothing.png")


def test_a_run_that_cannot_be_made_longer(run_cli, finished):
    before = sorted(finished.parent.iterdir())
    parts = ["only at a constant rate", "Received: one-cycle", "config.toml --epochs 5"]
    expect_one_line(run_cli("resume", finished, "--epochs", "5"), BAD_INPUT, *parts)
    assert sorted(finished.parent.iterdir()) == before


def test_wrong_split(run_cli, finished):
    expect_one_line(run_cli("evaluate", finished, "--split", "tets"), BAD_INPUT, "tets", "'test'")


@pytest.mark.parametrize("command", [["evaluate"], ["predict", "x.png"]])
def test_ten_crop_on_a_network_without_room(run_cli, finished, command):
    result = run_cli(command[0], finished, *command[1:], "--tta", "ten-crop")
    remedy = "--set data.image_size=10 --set data.crop_size=8"
    expect_one_line(result, BAD_INPUT, str(finished), "ten-crop", "8 x 8", remedy)


def test_more_first_images_than_there_are(run_cli, tmp_path, tiny):
    arguments = ["train", "convnet_mnist", *tiny, "--set", "evaluation.first=1000", "--out", tmp_path]
    expect_one_line(run_cli(*arguments), BAD_INPUT, "evaluation.first", "360 test images", "1000")
    assert not list(tmp_path.iterdir())


def test_no_gpu(run_cli, tiny):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    expect_one_line(
        run_cli("train", "convnet_mnist", *tiny, "--device", "cuda"), MISSING, "cuda", "--device cpu"
    )


def idx(shape: tuple[int, ...], content: bytes) -> bytes:
    return struct.pack(f">I{len(shape)}I", 0x0800 + len(shape), *shape) + content


@pytest.fixture
def mnist_folder(tmp_path, monkeypatch):
    """A data root in which a small but well-formed MNIST lies."""
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for part, number in (("train", 60_000), ("t10k", 10_000)):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx((number, 28, 28), bytes(number * 784)))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            idx((number,), bytes(i % 10 for i in range(number)))
        )
    monkeypatch.setenv("CNNLAB_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder


def test_corrupt_idx_file(run_cli, mnist_folder):
    path = mnist_folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:100_000])
    expect_one_line(run_cli("train", "lenet5"), BAD_INPUT, path.name)


def test_corrupt_gz_file(run_cli, mnist_folder):
    path = mnist_folder / "train-images-idx3-ubyte"
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    path.with_name(f"{path.name}.gz").write_bytes(packed[: len(packed) // 2])
    expect_one_line(run_cli("train", "lenet5"), BAD_INPUT, f"{path.name}.gz")


def test_truncated_cifar_batch(run_cli, tmp_path, monkeypatch):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for name in (*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"):
        (folder / name).write_bytes(bytes(3073 * 10_000))
    (folder / "data_batch_3.bin").write_bytes(bytes(3073 * 500 + 17))
    monkeypatch.setenv("CNNLAB_DATA_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    expect_one_line(run_cli("train", "resnet20", "--data", "cifar10"), BAD_INPUT, "data_batch_3.bin")


def test_empty_class_folder(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
    for index in range(12):
        Image.new("RGB", (40, 40), (index, 9, 9)).save(tmp_path / "pets" / "cat" / f"{index}.png")
    expect_one_line(run_cli("train", "resnet20", "--data", "./pets"), BAD_INPUT, "dog")


def test_full_disk(run_cli, tmp_path, monkeypatch, tiny):
    real = os.fsync
    calls = 0

    def no_space(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 8:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(cnnlab.runs.atomic.os, "fsync", no_space)
    expect_one_line(
        run_cli("train", "convnet_mnist", *tiny, "--out", tmp_path), MISSING, "disk is full", "MB"
    )


def test_strict_refuses_an_unreadable_image(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for index in range(12):
            Image.new("RGB", (40, 40), (index, 9, len(name))).save(tmp_path / "pets" / name / f"{index}.png")
    (tmp_path / "pets" / "cat" / "broken.png").write_bytes(b"not an image")
    arguments = ["train", "convnet_mnist", "--data", "pets", "--steps", "2", "--threads", "1", "--no-test"]
    lenient = run_cli(*arguments)
    assert lenient.code == 0 and "broken.png" in lenient.err
    expect_one_line(run_cli(*arguments, "--strict"), BAD_INPUT, "broken.png")


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (MemoryError("cannot allocate"), MISSING, "out of memory"),
        (PermissionError(13, "Permission denied", "/x/runs"), MISSING, "/x/runs: Permission denied"),
        (RuntimeError("two\nlines"), 70, "fault of cnnlab itself: RuntimeError: two lines"),
    ],
)
def test_what_nobody_foresaw_is_one_line_too(run_cli, monkeypatch, error, code, part):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("cnnlab.lab.train", fail)
    expect_one_line(run_cli("train", "lenet5"), code, part)


def test_debug_shows_the_traceback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="lenet55"):
        main(["train", "lenet55", "--debug"])


@pytest.mark.parametrize("place", ["afile", "afile/below"])
def test_a_place_that_cannot_take_the_comparison_is_refused_before_training(
    run_cli, tmp_path, monkeypatch, place
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afile").touch()
    result = run_cli("compare", "convnet_mnist", "--data", "digits", "--seeds", "1", "--save", place)
    expect_one_line(result, BAD_INPUT, "--save", place)
    assert not (tmp_path / "runs").exists()
