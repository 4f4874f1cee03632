"""Mixup and CutMix against loops over single images, and shares against their distribution."""

import math

import pytest
import torch
from scipy import stats

from cnnlab.data import Mixing, counter_generator, mix_batch
from cnnlab.data.mixing import beta_quantile, cut_box, cutmix, mixup


def some_images(num: int = 6, height: int = 7, width: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num, 3, height, width, generator=generator)


LABELS = torch.tensor([0, 1, 2, 3, 4, 5])


def mixed(mixing: Mixing, step: int = 0, images: torch.Tensor | None = None):
    images = some_images() if images is None else images
    return mix_batch(images, LABELS[: len(images)], mixing, counter_generator(0, "mix", step))


# --- the share ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "alpha", "share"),
    [
        (0.25, 1.0, 0.25),  # Beta(1, 1) is uniform
        (0.25, 0.5, math.sin(math.pi / 8) ** 2),  # the arcsine distribution
        (0.15625, 2.0, 0.25),  # F(x) = 3 x^2 - 2 x^3
        (0.5, 0.2, 0.5),
        (0.0, 0.2, 0.0),
    ],
)
def test_quantiles_by_hand(level, alpha, share):
    assert beta_quantile(level, alpha) == pytest.approx(share, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 4.0])
def test_shares_have_the_beta_distribution(alpha):
    shares = [mixed(Mixing(mixup=alpha), step, some_images(2, 1, 1)).share for step in range(2000)]
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01


@pytest.mark.parametrize("alpha", [1e-300, 1e-3, 1000.0])
@pytest.mark.parametrize("level", [0.0, 1e-16, 0.5, 1 - 1e-16])
def test_every_alpha_gives_a_share(alpha, level):
    assert 0.0 <= beta_quantile(level, alpha) <= 1.0


# --- the images -----------------------------------------------------------------------------------------


def test_mixup_image_by_image():
    images, others = some_images(), some_images().flip(0)
    whole = mixup(images, others, 0.3)
    for index in range(len(images)):
        for place in ((0, 0, 0), (1, 3, 2), (2, 6, 4)):
            alone = 0.3 * images[index][place] + 0.7 * others[index][place]
            assert whole[index][place].item() == pytest.approx(alone.item(), abs=1e-6)


@pytest.mark.parametrize(
    ("share", "down", "right", "box"),
    [
        (0.75, 0.5, 0.5, (3, 8, 2, 6)),  # half of 10 x 8: 5 x 4, round row 5 and column 4
        (0.75, 0.0, 0.99, (0, 3, 5, 8)),  # clipped at the top (row -2 to 2) and at the right (5 to 9)
        (0.0, 0.5, 0.5, (0, 10, 0, 8)),  # all of it
        (1.0, 0.3, 0.3, (3, 3, 2, 2)),  # nothing
    ],
)
def test_boxes_by_hand(share, down, right, box):
    assert cut_box(share, down, right, 10, 8) == box


def test_a_box_of_all_the_area_covers_the_image_only_where_it_is_centred():
    assert cut_box(0.0, 0.0, 0.0, 10, 8) == (0, 5, 0, 4)


@pytest.mark.parametrize("box", [(0, 7, 0, 5), (2, 4, 1, 5), (3, 3, 1, 4), (6, 7, 4, 5)])
def test_cutmix_pixel_by_pixel(box):
    images, others = some_images(), some_images().flip(0)
    before = images.clone()
    whole, share = cutmix(images, others, box)
    top, bottom, left, right = box
    num_own = 0
    for row in range(7):
        for col in range(5):
            is_inside = top <= row < bottom and left <= col < right
            num_own += not is_inside
            source = others if is_inside else images
            assert torch.equal(whole[:, :, row, col], source[:, :, row, col])
    assert share == pytest.approx(num_own / 35, abs=1e-15)
    assert torch.equal(images, before)


# --- the batch ------------------------------------------------------------------------------------------


def test_nothing_is_mixed_unless_asked():
    images = some_images()
    batch = mixed(Mixing(), images=images)
    assert batch.images is images
    assert (batch.partners, batch.share) == (None, 1.0)
    assert not Mixing()
    assert Mixing(mixup=0.1)
    assert Mixing(cutmix=0.1)


@pytest.mark.parametrize("mixing", [Mixing(mixup=1.0), Mixing(cutmix=1.0)], ids=["mixup", "cutmix"])
def test_a_batch_is_made_of_its_images_and_of_those_whose_labels_it_names(mixing):
    images = some_images()
    for step in range(20):
        batch = mixed(mixing, step)
        assert torch.equal(batch.labels, LABELS)
        assert batch.partners.sort().values.tolist() == LABELS.tolist()
        others = images[batch.partners]  # here labels are the images' places
        if mixing.mixup:
            expected = batch.share * images + (1 - batch.share) * others
            torch.testing.assert_close(batch.images, expected)
        else:
            is_other = (batch.images != images).any(1)
            assert torch.equal(batch.images, torch.where(is_other.unsqueeze(1), others, images))
            num_paired = int((batch.partners != LABELS).sum())
            own = 1 - is_other.sum().item() / (35 * num_paired) if num_paired else batch.share
            assert batch.share == pytest.approx(own, abs=1e-12)


def test_each_of_both_gets_about_half_of_the_batches():
    """A mixup batch has no pixel of a paired image as it was; a CutMix batch has only such pixels."""
    images, num_mixup = some_images(), 0
    both = Mixing(mixup=1.0, cutmix=1.0)
    for step in range(400):
        batch = mixed(both, step)
        others = images[batch.partners]
        num_mixup += int(not ((batch.images == images) | (batch.images == others)).all())
    assert 160 < num_mixup < 240  # 200 +- 4 standard deviations


def test_one_on_alone_draws_as_it_does_beside_the_other():
    alone = mixed(Mixing(mixup=0.7), 3)
    both = [mixed(Mixing(mixup=0.7, cutmix=1.0), step) for step in range(8)]
    shares = [mixed(Mixing(mixup=0.7), step).share for step in range(8)]
    assert sum(batch.share == share for batch, share in zip(both, shares, strict=True)) in range(1, 8)
    assert torch.equal(alone.partners, both[3].partners)


def test_a_batch_of_one_image_is_mixed_with_itself():
    batch = mixed(Mixing(mixup=1.0), images=some_images(1))
    torch.testing.assert_close(batch.images, some_images(1))
    assert batch.partners.tolist() == [0]
