import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.data import passes
from cnnlab.errors import ConfigError, DataError, RunError
from cnnlab.evaluation import Run, load_run, predict_probs
from cnnlab.models import create_model
from cnnlab.runs import load_weights, save_weights


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (24, 1, 28, 28), dtype=torch.uint8, generator=generator)


def test_probabilities_are_those_of_the_network(make_run, images):
    run = load_run(make_run().path)
    probs = predict_probs(run, images)
    assert probs.shape == (24, 10) and probs.dtype == torch.float32
    torch.testing.assert_close(probs.sum(1), torch.ones(24))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = create_model("convnet_mnist").eval()
    expected = model((images / 255 - 0.3) / 0.2).softmax(1)
    torch.testing.assert_close(probs, expected.detach(), rtol=1e-4, atol=1e-6)
    assert probs.std(0).max() > 1e-4  # the images do matter


@pytest.mark.parametrize("network", ["convnet_mnist", "lenet5", "resnet20"])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_batch_split_changes_nothing(make_run, images, network, batch_size, monkeypatch):
    run = load_run(make_run(network).path)
    whole = predict_probs(run, images)
    monkeypatch.setattr(passes, "MAX_IMAGES", batch_size)
    assert (predict_probs(run, images) - whole).abs().max() < 1e-6


def test_no_images_no_answers(make_run):
    assert predict_probs(load_run(make_run().path), torch.empty(0, 1, 28, 28, dtype=torch.uint8)).shape == (
        0,
        10,
    )


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (2, 1, 32, 32), (2, 28, 28)])
def test_images_of_another_shape_are_refused(make_run, shape):
    run = load_run(make_run().path)
    with pytest.raises(DataError, match="takes images of 1 x 28 x 28"):
        predict_probs(run, torch.zeros(shape, dtype=torch.uint8))


def test_weights_that_are_no_numbers_are_noticed(make_run, images):
    folder = make_run()
    tensors, description = load_weights(folder.weights)
    first = next(name for name in tensors if name.endswith("weight"))
    tensors[first] = torch.full_like(tensors[first], float("nan"))
    save_weights(folder.weights, tensors, description)
    with pytest.raises(RunError, match="not a finite number"):
        predict_probs(load_run(folder.path), images)


class OneLayer(nn.Module):
    """Logits that are sums of grey levels times whole numbers: small enough to work by hand."""

    def __init__(self, weights: list[list[list[float]]]) -> None:
        super().__init__()
        self.weights = torch.tensor(weights, dtype=torch.float32)  # num_classes x H x W
        self.seen: list[int] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(images))
        return torch.einsum("nhw,khw->nk", images[:, 0], self.weights)


@pytest.fixture
def make_linear(make_run):
    """Return a function that makes a run of a linear network on windows of larger images."""
    run = load_run(make_run().path)

    def make(weights: list[list[list[float]]], *, image_size: int) -> Run:
        names = run.class_names[: len(weights)]
        sizes = {"image_size": image_size, "crop_size": len(weights[0])}
        # Grey levels reach the network as they are: (level / 255 - 0) / (1 / 255).
        return replace(run, model=OneLayer(weights), class_names=names, mean=(0.0,), std=(1 / 255,), **sizes)

    return make


def softmax(logits):
    odds = [math.exp(value) for value in logits]
    return [value / sum(odds) for value in odds]


def test_two_views_worked_by_hand(make_linear):
    # The first class counts the left column, the second the right one twice.
    run = make_linear([[[1, 0], [1, 0]], [[0, 2], [0, 2]]], image_size=2)
    image = torch.tensor([[[[1, 0], [2, 1]]]], dtype=torch.uint8)
    straight, mirrored = softmax([3, 2]), softmax([1, 6])
    assert predict_probs(run, image)[0].tolist() == pytest.approx(straight)
    mean = [(a + b) / 2 for a, b in zip(straight, mirrored, strict=True)]
    assert mean == pytest.approx([0.368876, 0.631124], abs=1e-6)
    assert predict_probs(run, image, tta="mirror")[0].tolist() == pytest.approx(mean)
    in_logits = predict_probs(run, image, tta="mirror", average="logits")[0].tolist()
    assert in_logits == pytest.approx(softmax([(3 + 1) / 2, (2 + 6) / 2]))
    assert in_logits == pytest.approx([0.119203, 0.880797], abs=1e-6)


def ten_crop_of(run, image, average):
    """Probabilities of one image, H x W, window after window in numpy: a second implementation."""
    weights, size = run.model.weights.double().numpy(), run.crop_size
    slack = len(image) - size
    logits = []
    for top, left in [(0, 0), (0, slack), (slack, 0), (slack, slack), (slack // 2, slack // 2)]:
        window = image[top : top + size, left : left + size].astype(np.float64)
        for view in (window, np.fliplr(window)):
            logits.append([(view * kernel).sum() for kernel in weights])
    if average == "logits":
        return softmax(np.mean(logits, axis=0))
    return np.mean([softmax(row) for row in logits], axis=0)


@pytest.mark.parametrize("average", ["probs", "logits"])
@pytest.mark.parametrize("slack", [1, 2, 3])
def test_ten_views_of_each_image_one_by_one(make_linear, average, slack):
    generator = torch.Generator().manual_seed(slack)
    weights = (torch.rand(3, 4, 4, generator=generator) / 100).tolist()
    run = make_linear(weights, image_size=4 + slack)
    shape = (7, 1, 4 + slack, 4 + slack)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    probs = predict_probs(run, images, tta="ten-crop", average=average)
    expected = [ten_crop_of(run, image[0].numpy(), average) for image in images]
    assert np.abs(probs.numpy() - np.stack(expected)).max() < 1e-6
    other = predict_probs(run, images, tta="ten-crop", average="logits" if average == "probs" else "probs")
    assert (probs - other).abs().max() > 1e-4


@pytest.mark.parametrize("tta", ["none", "centre"])
def test_one_view_is_the_middle_window(make_linear, tta):
    run = make_linear([[[1.0]], [[0.0]]], image_size=4)
    image = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    image[0, 0, 1, 1] = 3  # half a pixel up and left of the middle
    assert predict_probs(run, image, tta=tta)[0].tolist() == pytest.approx(softmax([3, 0]))


@pytest.mark.parametrize(("tta", "num_views"), [("none", 1), ("mirror", 2), ("ten-crop", 10)])
def test_no_more_images_than_a_batch_meet_the_network_at_once(make_linear, monkeypatch, tta, num_views):
    run = make_linear([[[1.0]], [[0.0]]], image_size=2)
    images = torch.zeros(8, 1, 2, 2, dtype=torch.uint8)
    monkeypatch.setattr(passes, "MAX_IMAGES", 3)
    predict_probs(run, images, tta=tta)
    assert run.model.seen == [3] * num_views + [3] * num_views + [2] * num_views
    run.model.seen.clear()
    monkeypatch.setattr(passes, "MAX_PIXELS", 2)  # windows of one pixel: two fit
    predict_probs(run, images, tta=tta)
    assert run.model.seen == [2] * 4 * num_views


def test_images_come_in_the_size_before_the_crop(make_linear):
    run = make_linear([[[1.0]], [[0.0]]], image_size=4)
    with pytest.raises(DataError, match="takes images of 1 x 4 x 4"):
        predict_probs(run, torch.zeros(1, 1, 1, 1, dtype=torch.uint8))


def test_ten_windows_without_room_are_refused_in_one_line(make_run, images):
    run = load_run(make_run().path)
    with pytest.raises(ConfigError, match=r"ten-crop needs images larger than the 28 x 28") as caught:
        predict_probs(run, images, tta="ten-crop")
    line = str(caught.value)
    assert line.startswith(str(run.folder.path)) and "\n" not in line
    assert "--set data.image_size=31 --set data.crop_size=28, or choose mirror" in line


def test_unknown_views_are_refused(make_run, images):
    run = load_run(make_run().path)
    with pytest.raises(ConfigError, match=r"there is no tta 'tencrop'\. Did you mean 'ten-crop'\?"):
        predict_probs(run, images, tta="tencrop")
    with pytest.raises(ConfigError, match="there is no average 'mean'"):
        predict_probs(run, images, average="mean")
