"""What holds for every registered network."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from cnnlab.errors import GeometryError
from cnnlab.models import HasAuxiliaryHeads, ImageClassifier, create_model, list_models, model_info

LARGE = {name for name in list_models() if model_info(name).is_large}

DEEP = {name for name in list_models("*resnet*") if name not in LARGE | {"resnet20", "preact_resnet20"}}

# One of each kind stands for its family by default: the others are the same code with other numbers.
OF_A_FAMILY = {"alexnet", "googlenet", "resnet18", "resnet50", "preact_resnet18"}


def some_slow(slow: set[str]) -> pytest.MarkDecorator:
    names = [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in list_models()]
    return pytest.mark.parametrize("name", names)


every_network = some_slow(LARGE - OF_A_FAMILY)
every_network_learning = some_slow(LARGE | DEEP)


def small_size(name: str) -> int:
    """Height and width of images where the size does not matter, to save time."""
    return 64 if name in LARGE else 16


def make_network(name: str, **args: Any) -> ImageClassifier:
    torch.manual_seed(0)
    settings = {"image_size": small_size(name), "num_classes": 10} | args
    return create_model(name, **settings)


def make_images(
    name: str, count: int, *, size: int | None = None, channels: int | None = None
) -> torch.Tensor:
    channels, size = channels or model_info(name).in_channels, size or small_size(name)
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(1))


@every_network
def test_logits_are_head_of_features_finite_and_repeatable(name: str) -> None:
    info = model_info(name)
    network = make_network(name, image_size=info.image_size, num_classes=7).eval()
    images = make_images(name, 2, size=info.image_size)
    with torch.no_grad():
        logits = network(images)
        features = network.features(images)
        assert features.ndim == 4
        assert torch.equal(network.head(features), logits)
        assert torch.equal(network(images), logits)
    assert logits.shape == (2, 7) and logits.dtype == torch.float32
    assert logits.isfinite().all()


@every_network
def test_every_parameter_gets_a_gradient(name: str) -> None:
    network = make_network(name)
    images, labels = make_images(name, 4), torch.arange(4)
    if isinstance(network, HasAuxiliaryHeads):
        logits, auxiliary = network.forward_with_aux(images)
    else:
        logits, auxiliary = network(images), []
    sum(functional.cross_entropy(some, labels) for some in [logits, *auxiliary]).backward()
    for parameter_name, parameter in network.named_parameters():
        if not parameter.requires_grad:  # fixed, as the whitening filters of convnet_cifar10
            continue
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.count_nonzero() > 0, parameter_name


@every_network
def test_training_starts_near_the_loss_of_a_guess(name: str) -> None:
    network = make_network(name)
    with torch.no_grad():
        loss = functional.cross_entropy(network(make_images(name, 32)), torch.arange(32) % 10)
    # A guess among ten has ln 10 = 2.3. Overlapping pooling takes the largest of nine, so that the signal
    # grows on its way through a large AlexNet, and its last layer adds up 4,096 values.
    assert 2.0 < loss.item() < (7.0 if name in LARGE else 4.0)


@every_network
def test_saved_weights_load_into_an_equal_network(name: str, tmp_path: Path) -> None:
    network = make_network(name)
    network(make_images(name, 4))  # moves batch norm's averages away from where they start
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    with torch.device("meta"):  # starting weights that are replaced need not be drawn
        other = create_model(name, image_size=small_size(name), num_classes=10)
    other.load_state_dict(load_file(tmp_path / "model.safetensors"), assign=True)
    images = make_images(name, 2)
    with torch.no_grad():
        assert torch.equal(other.eval()(images), network.eval()(images))


@every_network
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    first, second = make_network(name).state_dict(), make_network(name).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@every_network_learning
def test_learns_32_random_images_by_heart(name: str) -> None:
    size = 64 if name in LARGE else 12 if name == "lenet5" else 8
    args: dict[str, Any] = {"dropout": 0.0} if "dropout" in model_info(name).arguments else {}
    if name == "alexnet":  # its paper's own weights begin with a flat stretch that is longer than this test
        args["init"] = "scaled"
    network = make_network(name, image_size=size, **args)
    images, labels = make_images(name, 32, size=size), torch.arange(32) % 10
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4 if name in LARGE else 1e-3)
    for _ in range(12):
        for _ in range(5):
            optimizer.zero_grad()
            functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
        with torch.no_grad():
            correct = (network.eval()(images).argmax(dim=1) == labels).sum().item()
        if correct >= 31:
            return
        network.train()
    pytest.fail(f"{correct} of 32 after 60 steps")


@pytest.mark.parametrize("name", [name for name in list_models() if name not in DEEP | LARGE])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 28, 32])
def test_grey_and_colour_images_of_usual_sizes(name: str, channels: int, size: int) -> None:
    if name == "lenet5" and size == 8:
        with pytest.raises(GeometryError, match=r"'conv2'.*at least 12x12.*image_size=8"):
            make_network(name, in_channels=channels, image_size=size)
        return
    network = make_network(name, in_channels=channels, image_size=size)
    network.eval()
    with torch.no_grad():
        assert network(make_images(name, 2, size=size, channels=channels)).shape == (2, 10)


def test_lenets_smallest_image_works() -> None:
    network = make_network("lenet5", image_size=12)
    assert network(make_images("lenet5", 2, size=12)).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "layer", "smallest"),
    [("alexnet", "pool5", 63), ("alexnet_owt", "pool5", 63), ("googlenet", "pool4", 31)],
)
def test_too_small_an_image_names_the_layer_and_what_works(name: str, layer: str, smallest: int) -> None:
    with (
        torch.device("meta"),
        pytest.raises(GeometryError, match=rf"{name}: layer '{layer}'.*at least {smallest}x{smallest}"),
    ):
        create_model(name, image_size=smallest - 1)
    with torch.device("meta"):
        create_model(name, image_size=smallest)
