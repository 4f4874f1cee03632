import numpy as np
import pytest
import torch

from cnnlab.reporting import write_pretraining
from cnnlab.reporting.filters import filters_picture, restored_picture
from cnnlab.runs import PretrainedLayer, Pretraining, PretrainingRecord, save_pretraining


def pretraining(
    num_filters: int = 6, channels: int = 1, method: str = "autoencoder", num_layers: int = 2
) -> Pretraining:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator)

    pictures = {
        "filters before": random(num_filters, channels, 3, 3) - 0.5,
        "filters after": 10 * (random(num_filters, channels, 3, 3) - 0.5),
        "originals": random(10, channels, 8, 8),
        "corrupted": random(10, channels, 8, 8),
        "restored": 1.4 * random(10, channels, 8, 8) - 0.2,
    }
    layers = [
        PretrainedLayer(layer=f"conv{layer}", steps=9, error_before=1.0, error=0.2, seconds=1.0)
        for layer in range(1, num_layers + 1)
    ]
    return Pretraining({}, pictures, PretrainingRecord(method=method, num_images=9, layers=layers, origin={}))


@pytest.mark.parametrize(("num_filters", "channels"), [(1, 1), (6, 3), (32, 1), (96, 3)])
def test_filters_of_every_number_and_colour_are_drawn(to_pixels, num_filters, channels):
    pixels = to_pixels(filters_picture(pretraining(num_filters, channels), title="some run"))
    is_coloured = bool((pixels.max(2) - pixels.min(2) > 40).any())
    assert is_coloured == (channels == 3)
    assert (pixels < 250).any(2).mean() > 0.1  # not an empty page


def test_the_largest_weights_are_white_and_black_and_0_is_grey(to_pixels):
    some = pretraining(1)
    for name, factor in (("filters before", 1.0), ("filters after", 50.0)):
        some.pictures[name] = factor * torch.tensor([[1.0, 0.0, -1.0]]).expand(3, 3).clone().view(1, 1, 3, 3)
    pixels = to_pixels(filters_picture(some, title=""))[:, :, 0]
    half = pixels.shape[1] // 2
    for part in (pixels[:, :half], pixels[:, half:]):
        for level in (0, 255, 127):
            assert (np.abs(part.astype(int) - level) <= 1).mean() > 0.1


def test_the_auto_encoder_shows_what_it_was_shown_and_the_rbm_does_not(to_pixels):
    coder, rbm = (restored_picture(pretraining(method=method), title="") for method in ("autoencoder", "rbm"))
    assert to_pixels(coder).shape[0] == to_pixels(rbm).shape[0] + 120  # one row of images


def test_the_same_pre_training_gives_the_same_picture_and_another_another():
    first, second = restored_picture(pretraining(), title="a"), restored_picture(pretraining(), title="a")
    assert first == second
    other = pretraining()
    other.pictures["restored"][0] = 0.0
    assert restored_picture(other, title="a") != first


def test_errors_of_many_layers_find_their_place(to_pixels):
    few, many = (to_pixels(restored_picture(pretraining(num_layers=num), title="")) for num in (3, 5))
    assert many.shape[0] == few.shape[0] + 30


@pytest.mark.parametrize("title", ["", "a long name of a recipe on the name of its images, " * 2 + "seed 0"])
def test_title_and_errors_fit_beside_few_images(to_pixels, title):
    few = pretraining(num_layers=5)
    for name in ("originals", "corrupted", "restored"):
        few.pictures[name] = few.pictures[name][:2]
    pixels = to_pixels(restored_picture(few, title=title))
    assert (pixels[:, -15:] == 255).all()
    usual = to_pixels(restored_picture(pretraining(), title=""))
    assert usual.shape[1] == 150 * 9.1  # ten images are wider than what is said


def test_both_land_in_the_folder_of_a_run_that_was_pre_trained(folder):
    write_pretraining(folder)
    assert not list(folder.path.glob("*.png"))
    save_pretraining(folder, pretraining())
    write_pretraining(folder)
    assert {path.name for path in folder.path.glob("*.png")} == {"filters.png", "reconstructions.png"}
