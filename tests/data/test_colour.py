"""Against numpy's covariance and eigenvectors, and loops over single images."""

from importlib import import_module

import numpy as np
import pytest
import torch

from cnnlab.data import ColourComponents, colour_components, make_dataset
from cnnlab.data.colour import colour_shifts


def dataset(images: torch.Tensor):
    return make_dataset("fake", "train", images, torch.zeros(len(images), dtype=torch.int64), ("a", "b"))


def colourful(num: int = 60, seed: int = 0) -> torch.Tensor:
    """Images whose channels vary together, and not by the same amount."""
    generator = torch.Generator().manual_seed(seed)
    light, tint = (torch.randn(num, 1, 7, 5, generator=generator) for _ in range(2))
    mixed = torch.cat([50 * light + 20 * tint, 40 * light, 30 * light - 25 * tint], dim=1)
    return (mixed + 5 * torch.randn(num, 3, 7, 5, generator=generator) + 120).clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("chunk_pixels", [1, 1000, 2**20])
def test_components_against_numpy(monkeypatch, chunk_pixels):
    monkeypatch.setattr(import_module("cnnlab.data.normalise"), "_CHUNK_PIXELS", chunk_pixels)
    images = colourful()
    found = colour_components(dataset(images))
    pixels = images.double().numpy().transpose(1, 0, 2, 3).reshape(3, -1) / 255
    values, columns = np.linalg.eigh(np.cov(pixels, ddof=0))
    assert found.eigenvalues.tolist() == pytest.approx(values[::-1], rel=1e-9)
    for vector, wanted in zip(found.vectors.numpy(), columns.T[::-1], strict=True):
        assert abs(vector @ wanted) == pytest.approx(1, abs=1e-9)  # the same direction, whatever the sign


def test_components_worked_by_hand():
    """Two pixels, (0, 0, 0) and (255, 255, 0): all that varies is red with green, by 1/4 each."""
    images = torch.tensor([[0, 255], [0, 255], [0, 0]], dtype=torch.uint8).view(1, 3, 1, 2)
    found = colour_components(dataset(images))
    assert found.eigenvalues.tolist() == pytest.approx([0.5, 0, 0], abs=1e-15)
    assert found.vectors[0].tolist() == pytest.approx([0.5**0.5, 0.5**0.5, 0], abs=1e-12)


def test_the_most_comes_first_and_the_largest_entry_is_positive():
    for seed in range(8):
        images = colourful(seed=seed)
        if seed % 2:
            images = 255 - images  # its eigenvectors are the same
        found = colour_components(dataset(images))
        assert found.eigenvalues.tolist() == sorted(found.eigenvalues.tolist(), reverse=True)
        for vector in found.vectors:
            assert vector.abs().max() == vector.max()
        torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(3, dtype=torch.float64))


def test_one_colour_has_no_components_to_add():
    images = torch.full((3, 3, 4, 4), 77, dtype=torch.uint8)
    assert colour_components(dataset(images)).eigenvalues.tolist() == [0, 0, 0]


def test_grey_made_colour_varies_in_lightness_alone():
    images = colourful()[:, :1].expand(-1, 3, -1, -1)
    found = colour_components(dataset(images))
    assert found.eigenvalues[0] == pytest.approx(3 * float((images[:, 0].double() / 255).var(correction=0)))
    assert found.eigenvalues[1:].max() < 1e-15
    assert found.vectors[0].tolist() == pytest.approx([3**-0.5] * 3)


def test_components_do_not_depend_on_order_or_chunks():
    images = colourful(500)
    one, other = colour_components(dataset(images)), colour_components(dataset(images.flip(0)))
    assert torch.equal(one.eigenvalues, other.eigenvalues) and torch.equal(one.vectors, other.vectors)


def test_shifts_worked_by_hand():
    components = ColourComponents(
        torch.tensor([0.5, 0.1, 0.0], dtype=torch.float64),
        torch.tensor([[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64),
    )
    alphas = torch.tensor([[1.0, 0.0], [-2.0, 1.0], [5.0, 5.0]])
    shifts = colour_shifts(components, alphas)
    # 0.5 * (0.6, 0.8, 0) - 0.2 * (0.8, -0.6, 0), and 0.1 * (0.8, -0.6, 0).
    assert shifts[0].tolist() == pytest.approx([0.14, 0.52, 0.0])
    assert shifts[1].tolist() == pytest.approx([0.08, -0.06, 0.0])
