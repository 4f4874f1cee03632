"""`train` and `resume` end to end, on a few digits."""

import json

import pytest
import torch
from PIL import Image

import cnnlab
from cnnlab.errors import ConfigError, GeometryError, RunError, StoppedError
from cnnlab.evaluation import load_predictions, predict_probs
from cnnlab.runs import TIMING_FIELDS, RunFolder, load_weights, read_record
from cnnlab.training import SilentProgress

TINY = {"data": "digits", "steps": 10, "threads": 1, "changes": {"train.log_every": 2, "train.val_every": 5}}


@pytest.fixture(autouse=True)
def same_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


class StopAfter(SilentProgress):
    """Raises Ctrl-C's signal in the middle of a run."""

    def __init__(self, step):
        self._step = step

    def step(self, step, **figures):
        if step == self._step:
            import signal

            signal.raise_signal(signal.SIGINT)


def weights(run):
    return (run / "model.safetensors").read_bytes()


def metrics(run):
    lines = RunFolder(run).read_metrics()
    return [{key: value for key, value in line.items() if key not in TIMING_FIELDS} for line in lines]


def test_train_returns_an_evaluated_run(tmp_path):
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=SilentProgress(), **TINY)
    evaluation = json.loads((run / "eval.json").read_text())
    assert evaluation["num_images"] == 360
    assert cnnlab.evaluate(run) == evaluation
    assert (run / "curves.png").stat().st_size > 10_000
    assert (run / "predictions.png").stat().st_size > 10_000


def test_train_without_test_never_reads_the_test_images(tmp_path, monkeypatch):
    from cnnlab.data import load

    parts = []
    real = load.read_part
    monkeypatch.setattr(
        load, "read_part", lambda name, part, *rest: parts.append(part) or real(name, part, *rest)
    )
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=SilentProgress(), test=False, **TINY)
    assert parts == ["train"]
    assert not (run / "eval.json").exists()
    assert [path.name for path in run.glob("*.png")] == ["curves.png"]


def test_stopped_and_resumed_is_the_same_run(tmp_path):
    whole = cnnlab.train("alexnet_mnist3", out=tmp_path / "whole", progress=SilentProgress(), **TINY)
    with pytest.raises(StoppedError, match="cnnlab resume") as stopped:
        cnnlab.train("alexnet_mnist3", out=tmp_path / "part", progress=StopAfter(3), **TINY)
    assert stopped.value.exit_code == 130
    (part,) = (tmp_path / "part").iterdir()
    assert not (part / "model.safetensors").exists()
    assert cnnlab.resume(part, progress=SilentProgress()) == part
    assert weights(part) == weights(whole)
    assert metrics(part) == metrics(whole)


def test_resume_evaluates_a_run_that_was_trained_without(tmp_path):
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=SilentProgress(), test=False, **TINY)
    before = weights(run)
    cnnlab.resume(run, progress=SilentProgress())
    assert (run / "eval.json").exists() and weights(run) == before


def test_resume_with_other_threads_is_refused(tmp_path):
    with pytest.raises(StoppedError):
        cnnlab.train("convnet_mnist", out=tmp_path, progress=StopAfter(3), **TINY)
    (run,) = tmp_path.iterdir()
    with pytest.raises(RunError, match="threads was 1, here 2"):
        cnnlab.resume(run, progress=SilentProgress(), threads=2)
    cnnlab.resume(run, progress=SilentProgress(), threads=2, inexact=True)
    assert (run / "eval.json").exists()


def test_what_cannot_be_built_leaves_no_folder(tmp_path):
    with pytest.raises(GeometryError, match=r"conv2.*--set data.image_size=28"):
        cnnlab.train("lenet5", data="digits", out=tmp_path, progress=SilentProgress())
    with pytest.raises(ConfigError, match="dropuot"):
        cnnlab.train("convnet_mnist", data="digits", out=tmp_path, changes={"model.args": {"dropuot": 0.5}})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"evaluation.first": 361}, r"evaluation\.first: digits has 360 test images.*Received: 361"),
        ({"evaluation.tta": "ten-crop"}, r"evaluation\.tta: ten-crop needs images larger than the 8 x 8"),
    ],
)
def test_what_cannot_be_scored_later_leaves_no_folder(tmp_path, setting, message):
    with pytest.raises(ConfigError, match=message):
        cnnlab.train("convnet_mnist", data="digits", out=tmp_path, changes=setting)
    assert not list(tmp_path.iterdir())


def test_the_first_images_and_the_views_are_in_the_last_lines(tmp_path):
    class Keep(SilentProgress):
        def message(self, text):
            said.append(text)

    said = []
    changes = {**TINY["changes"], "evaluation.first": 256, "evaluation.tta": "mirror"}
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=Keep(), **{**TINY, "changes": changes})
    evaluation = json.loads((run / "eval.json").read_text())
    assert (evaluation["tta"], evaluation["first"]["num_images"]) == ("mirror", 256)
    assert said[-2].startswith(f"test {evaluation['first']['top1']:.2%} (")
    assert said[-2].endswith("on the first 256 images alone")
    assert f"test {evaluation['top1']:.2%} (" in said[-1] and "on 360 images" in said[-1]
    assert "mirror, probabilities averaged" in said[-1]


def test_a_network_trained_on_windows_is_scored_by_ten_of_them(tmp_path):
    windows = {"data.image_size": 12, "data.crop_size": 10, "evaluation.tta": "ten-crop"}
    options = {**TINY, "changes": {**TINY["changes"], **windows}}
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=SilentProgress(), **options)
    own, stored = cnnlab.evaluate(run), load_predictions(RunFolder(run))
    assert (own["tta"], own["average"]) == ("ten-crop", "probs")
    loaded = cnnlab.load_run(run)
    test = cnnlab.load_data("digits", splits=["test"], image_size=12)["test"]
    assert torch.equal(stored.probs, predict_probs(loaded, test.images, tta="ten-crop"))
    assert not torch.equal(stored.probs, predict_probs(loaded, test.images))


def test_enlarged_digits_fit_lenet(tmp_path):
    changes = {**TINY["changes"], "data.image_size": 28}
    run = cnnlab.train("lenet5", out=tmp_path, progress=SilentProgress(), **{**TINY, "changes": changes})
    assert cnnlab.load_run(run).image_size == 28


def test_a_network_for_windows_of_the_images(tmp_path):
    """LeNet-5 is sized for its images: 28 x 28 windows of 32 x 32 digits give the usual 61,706 weights."""
    changes = {**TINY["changes"], "data.image_size": 32, "data.crop_size": 28}
    options = {**TINY, "changes": changes}
    run = cnnlab.train("lenet5", out=tmp_path, progress=SilentProgress(), test=False, **options)
    tensors, description = load_weights(RunFolder(run).weights)
    assert sum(tensor.numel() for tensor in tensors.values()) == 61_706
    assert (description["network"]["image_size"], description["preprocessing"]["image_size"]) == (28, 32)
    loaded = cnnlab.load_run(run)
    assert (loaded.image_size, loaded.crop_size) == (32, 28)
    last = [line for line in RunFolder(run).read_metrics() if line["split"] == "val"][-1]
    assert cnnlab.evaluate(run, split="val")["top1"] == pytest.approx(last["top1"], abs=2 / 180)
    digit = cnnlab.load_data("digits", splits=["test"])["test"].images[0, 0]
    Image.fromarray(digit.numpy()).save(tmp_path / "scan.png")
    (answer,) = cnnlab.predict(run, tmp_path / "scan.png")
    enlarged = cnnlab.load_data("digits", splits=["test"], image_size=32)["test"].images[:1]
    assert answer.labels[0][1] == pytest.approx(predict_probs(loaded, enlarged).max().item(), abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data.crop_size": 9}, ConfigError, "data.crop_size: must be at most the images' 8 pixels"),
        (
            {"data.image_size": 28, "data.crop_size": 8},
            GeometryError,
            "Received: image_size=8. Enlarge them, for example with --set data.crop_size=28.",
        ),
        ({"data.augment.pca": 0.1}, ConfigError, "data.augment.pca: colour noise needs images of three"),
        ({"data.train_size": 5}, ConfigError, "data.train_size: digits has 1257 images to train on"),
    ],
)
def test_windows_and_parts_that_cannot_be_leave_no_folder(tmp_path, changes, error, message):
    with pytest.raises(error) as caught:
        cnnlab.train("lenet5", data="digits", out=tmp_path, progress=SilentProgress(), changes=changes)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_part_of_the_training_images_is_what_is_learnt_from(tmp_path):
    changes = {**TINY["changes"], "data.train_size": 100}
    options = {**TINY, "changes": changes}
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=SilentProgress(), test=False, **options)
    seen = RunFolder(run).environment["data"]
    assert seen["train"]["num_images"] == 100
    assert seen["val"]["fingerprint"] == cnnlab.load_data("digits", splits=["val"])["val"].fingerprint
    assert cnnlab.evaluate(run, split="train")["num_images"] == 100


class Listening(SilentProgress):
    """Remembers what was said."""

    def __init__(self):
        self.said = []

    def message(self, text):
        self.said.append(text)


def test_grey_images_made_colour_are_said_once(tmp_path):
    progress = Listening()
    changes = {**TINY["changes"], "data.channels": 3}
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=progress, **{**TINY, "changes": changes})
    said = [line for line in progress.said if "made colour" in line]
    assert said == ["digits: all 1,797 images are grey and are made colour, which the network takes."]
    assert cnnlab.load_run(run).in_channels == 3
    again = []
    cnnlab.evaluate(run, split="val", warn=again.append)
    assert again == []


def test_nothing_is_said_where_nothing_is_converted(tmp_path):
    progress = Listening()
    run = cnnlab.train("resnet20", out=tmp_path, progress=progress, test=False, **{**TINY, "steps": 1})
    assert not [line for line in progress.said if "made colour" in line]
    assert cnnlab.load_run(run).in_channels == 1  # it is built for the images


def test_train_takes_a_complete_config(tmp_path):
    config = cnnlab.RunConfig.from_dict(
        {"model": {"name": "convnet_mnist"}, "data": {"name": "digits"}, "train": {"steps": 2}, "threads": 1},
        source="test",
    )
    run = cnnlab.train(config, out=tmp_path, progress=SilentProgress(), test=False)
    assert RunFolder(run).config == config


def test_few_labels_and_all_images_to_pre_train_on(tmp_path):
    changes = {**TINY["changes"], "data.train_size": 50, "pretrain": {"method": "rbm", "epochs": 0.2}}
    options = {**TINY, "changes": changes}
    run = cnnlab.train("convnet_mnist", out=tmp_path, progress=SilentProgress(), test=False, **options)
    record = read_record(RunFolder(run))
    assert record is not None and record.num_images == 1257
    assert RunFolder(run).environment["data"]["train"]["num_images"] == 50
    assert {path.name for path in run.glob("*.png")} == {"curves.png", "filters.png", "reconstructions.png"}


def test_a_network_that_cannot_be_pre_trained_leaves_no_folder(tmp_path):
    with pytest.raises(ConfigError, match=r"pretrain\.method: .* Received: resnet20"):
        cnnlab.train("resnet20", data="digits", out=tmp_path, changes={"pretrain.method": "autoencoder"})
    assert not list(tmp_path.iterdir())
