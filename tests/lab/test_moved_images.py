"""A folder that has changed, moved or lost its test part since training, or is about to."""

import json
import shutil
import signal
from pathlib import Path

import pytest
from PIL import Image

import cnnlab
from cnnlab.errors import DataError, MissingResourceError, RunError, StoppedError
from cnnlab.training import SilentProgress


def write_digits(root: Path, split: str = "") -> Path:
    """Write 120 digits into class folders."""
    test = cnnlab.load_data("digits", splits=["test"])["test"]
    for place in range(120):
        file = root / split / test.class_names[int(test.labels[place])] / f"{place}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(test.images[place, 0].numpy()).save(file)
    return root


def train(data: Path, out: Path, **options) -> Path:
    return cnnlab.train(
        "convnet_mnist",
        data=str(data),
        out=out,
        steps=3,
        threads=1,
        changes={"data.image_size": 8},
        progress=SilentProgress(),
        **options,
    )


def test_no_image_of_the_training_is_scored_as_test(tmp_path):
    root = write_digits(tmp_path / "digits")
    run = train(root, tmp_path / "runs", test=False)
    # Without its test images the folder is cut anew, through what the network has learned from.
    test_bytes = {
        image.numpy().tobytes()
        for image in cnnlab.load_data(root, image_size=8, channels=1, splits=["test"])["test"].images
    }
    for file in root.glob("*/*.png"):
        with Image.open(file) as image:
            if image.tobytes() in test_bytes:
                file.unlink()
    with pytest.raises(RunError, match=r"train images of .* are not those of the training .* --data"):
        cnnlab.evaluate(run)
    assert not (run / "eval.json").exists()


def test_without_a_record_of_the_images_a_folder_is_not_scored(tmp_path):
    run = train(write_digits(tmp_path / "digits"), tmp_path / "runs", test=False)
    (run / "environment.json").unlink()
    with pytest.raises(RunError, match="not recorded which images"):
        cnnlab.evaluate(run)


def test_a_class_that_has_come_since_is_one_clear_line(tmp_path):
    class Stop(SilentProgress):
        def validate(self, step, *, loss, top1):
            signal.raise_signal(signal.SIGINT)

    root = write_digits(tmp_path / "digits")
    changes = {"data.image_size": 8, "train.val_every": 1}
    options = {"data": str(root), "threads": 1, "steps": 3, "changes": changes}
    with pytest.raises(StoppedError):
        cnnlab.train("convnet_mnist", out=tmp_path / "runs", progress=Stop(), **options)
    (run,) = (tmp_path / "runs").iterdir()
    shutil.copytree(root / "9", root / "ten")
    for inexact in (False, True):  # other images are never accepted
        with pytest.raises(RunError, match="train images are not those of the checkpoint") as caught:
            cnnlab.resume(run, inexact=inexact, progress=SilentProgress())
        assert "\n" not in str(caught.value)
    shutil.rmtree(root / "ten")
    cnnlab.resume(run, progress=SilentProgress())
    shutil.copytree(root / "9", root / "ten")
    with pytest.raises(DataError, match=r"its 11 classes are not the 10 classes of .*not known.*'ten'"):
        cnnlab.evaluate(run, data=str(root))


def test_a_folder_that_has_moved_can_be_named(tmp_path):
    root = write_digits(tmp_path / "digits")
    run = train(root, tmp_path / "runs")
    kept = json.loads((run / "eval.json").read_text())
    (run / "eval.json").unlink()
    shutil.move(root, tmp_path / "moved")
    with pytest.raises(MissingResourceError, match=r"there is no folder .* name it with --data"):
        cnnlab.evaluate(run)
    assert cnnlab.evaluate(run, data=str(tmp_path / "moved"))["top1"] == kept["top1"]


def test_a_damaged_test_part_is_found_before_training(tmp_path):
    root = tmp_path / "digits"
    for split in ("train", "val", "test"):
        write_digits(root, split)
    for file in root.glob("test/*/*.png"):
        file.write_bytes(b"no image")
    with pytest.raises(DataError, match="test"):
        train(root, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_lost_weights_are_made_again(tmp_path, damage):
    run = cnnlab.train(
        "convnet_mnist", data="digits", steps=3, threads=1, out=tmp_path, progress=SilentProgress()
    )
    weights, scores = (run / "model.safetensors").read_bytes(), (run / "eval.json").read_bytes()
    if damage == "missing":
        (run / "model.safetensors").unlink()
        with pytest.raises(RunError, match=r"weights are gone .* Make them again with: cnnlab resume"):
            cnnlab.load_run(run)
    else:
        (run / "model.safetensors").write_bytes(weights[:10_000])
    assert cnnlab.resume(run, progress=SilentProgress()) == run
    assert (run / "model.safetensors").read_bytes() == weights
    assert (run / "eval.json").read_bytes() == scores
