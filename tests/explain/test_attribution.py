"""Which pixels an answer rests on, for networks of which that is known."""

import pytest
import torch
from made_run import linear_run, made_run, some_images
from torch import nn

from cnnlab.errors import DataError
from cnnlab.explain import grad_cam, integrated_gradients, occlusion, saliency


@pytest.mark.parametrize("channels", [1, 3])
def test_saliency_of_a_linear_network_is_its_weights(channels):
    run, weights = linear_run(channels=channels)
    images, classes = some_images(2, channels, 4), torch.tensor([2, 0])
    expected = weights[classes].abs().amax(1)
    torch.testing.assert_close(saliency(run, images, classes), expected)


def test_integrated_gradients_of_a_linear_network_are_weight_times_change():
    run, weights = linear_run(channels=3, mean=0.5, std=0.25)
    images, classes = some_images(2, 3, 4), torch.tensor([1, 2])
    parts, missed = integrated_gradients(run, images, classes, steps=3)
    change = images / 255 / 0.25  # from black, in the network's units
    torch.testing.assert_close(parts, (weights[classes] * change).sum(1))
    assert missed.max() < 1e-4


def test_integrated_gradients_add_up_to_the_rise_of_the_logit():
    torch.manual_seed(0)
    features = {"conv1": nn.Conv2d(1, 4, 3, padding=1), "act1": nn.Tanh()}
    run = made_run(features, {"flatten": nn.Flatten(), "fc": nn.Linear(4 * 36, 3)}, size=6)
    images, classes = some_images(5, 1, 6), torch.tensor([0, 1, 2, 0, 1])
    _, rough = integrated_gradients(run, images, classes, steps=2)
    _, fine = integrated_gradients(run, images, classes, steps=128)
    assert fine.max() < 1e-3 and fine.sum() < rough.sum()


def test_grad_cam_by_hand():
    """Two maps: the image, and its negative; class a counts the first with weight 1, class b the second."""
    conv = nn.Conv2d(1, 2, 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
    fc = nn.Linear(2, 2, bias=False)
    nn.init.eye_(fc.weight)
    head = {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": fc}
    run = made_run({"conv1": conv}, head, size=4)
    image = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    image[0, 0, 1, 2] = 255
    both = image.repeat(2, 1, 1, 1)
    seen, name = grad_cam(run, both, torch.tensor([0, 1]))
    assert name == "features.conv1" and seen.shape == (2, 4, 4)
    expected = torch.zeros(4, 4)
    expected[1, 2] = 1 / 16  # the logit is the mean of a map
    torch.testing.assert_close(seen[0], expected)
    assert not seen[1].any()  # what speaks against a class is cut off


def test_grad_cam_takes_the_last_maps_with_more_than_a_pixel():
    features = {
        "conv1": nn.Conv2d(1, 2, 3),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(2, 3, 3),  # leaves a single pixel
    }
    run = made_run(features, {"flatten": nn.Flatten(), "fc": nn.Linear(3, 2)}, size=8)
    seen, name = grad_cam(run, some_images(1, 1, 8), torch.tensor([0]))
    assert name == "features.pool1" and seen.shape == (1, 8, 8)


def test_occlusion_finds_the_only_pixel_that_counts():
    fc = nn.Linear(49, 2, bias=False)
    with torch.no_grad():
        fc.weight.zero_()
        fc.weight[0, 3 * 7 + 4] = 8.0
    conv = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.ones_(conv.weight)
    run = made_run({"conv1": conv}, {"flatten": nn.Flatten(), "fc": fc}, size=7)
    image = torch.full((1, 1, 7, 7), 255, dtype=torch.uint8)
    falls = occlusion(run, image, torch.tensor([0]), patches=7)
    whole, without = torch.tensor([8.0, 0.0]).softmax(0)[0], 0.5
    expected = torch.zeros(7, 7)
    expected[3, 4] = whole - without
    torch.testing.assert_close(falls[0], expected)


def test_occlusion_covers_every_pixel_whatever_the_size():
    for size, patches in ((5, 7), (9, 4), (28, 7)):
        run, _ = linear_run(size=size)
        falls = occlusion(run, some_images(2, 1, size), torch.tensor([0, 1]), patches=patches)
        assert falls.shape == (2, size, size) and falls.isfinite().all()


def test_the_window_that_the_network_sees():
    run, _ = linear_run(size=4, image_size=6)
    assert saliency(run, some_images(1, 1, 6), torch.tensor([0])).shape == (1, 4, 4)
    with pytest.raises(DataError, match=r"some/run: takes images of 1 x 6 x 6 .* Received: 1 x 4 x 4\."):
        saliency(run, some_images(1, 1, 4), torch.tensor([0]))
