"""What holds for every registered network."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from cnnlab.errors import GeometryError
from cnnlab.models import ImageClassifier, create_model, list_models, model_info

SMALL = 16
"""Height and width of images here, where the size does not matter, to save time."""

DEEP = {"resnet44", "resnet56", "resnet110", "preact_resnet44", "preact_resnet56", "preact_resnet110"}

every_network = pytest.mark.parametrize("name", list_models())
every_network_learning = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in DEEP else name for name in list_models()]
)


def make_network(name: str, **args: int) -> ImageClassifier:
    torch.manual_seed(0)
    return create_model(name, image_size=args.pop("image_size", SMALL), **args)


def make_images(name: str, count: int, *, size: int = SMALL, channels: int | None = None) -> torch.Tensor:
    channels = channels or model_info(name).in_channels
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
    loss = functional.cross_entropy(network(make_images(name, 4)), torch.arange(4))
    loss.backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.count_nonzero() > 0, parameter_name


@every_network
def test_training_starts_near_the_loss_of_a_guess(name: str) -> None:
    network = make_network(name)
    with torch.no_grad():
        loss = functional.cross_entropy(network(make_images(name, 32)), torch.arange(32) % 10)
    assert 2.0 < loss.item() < 4.0  # a guess among ten has ln 10 = 2.3


@every_network
def test_saved_weights_load_into_an_equal_network(name: str, tmp_path: Path) -> None:
    network = make_network(name)
    network(make_images(name, 4))  # moves batch norm's averages away from where they start
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    torch.manual_seed(1)
    other = create_model(name, image_size=SMALL)
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    images = make_images(name, 2)
    with torch.no_grad():
        assert torch.equal(other.eval()(images), network.eval()(images))


@every_network
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    first, second = make_network(name).state_dict(), make_network(name).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@every_network_learning
def test_overfits_32_random_images(name: str) -> None:
    network = make_network(name)
    images, labels = make_images(name, 32), torch.arange(32) % 10
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        correct = (network.eval()(images).argmax(dim=1) == labels).sum().item()
    assert correct >= 31


@pytest.mark.parametrize("name", [name for name in list_models() if name not in DEEP])
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
