"""Two images and two labels in one: mixup and CutMix, made on a whole batch at once.

Every piece is a plain function of the images and of uniform numbers in [0, 1), so that each can be compared
with a loop over single images. Each batch has one share and one permutation that pairs its images, as in the
code published with both papers; an image may so be paired with itself.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """Images of one training step, and what they show.

    Attributes:
        images: N x C x H x W, float32, normalised, channels-last.
        labels: N, int64.
        partners: N, int64: the labels of the images mixed in; None where nothing is mixed.
        share: how much of each image, as a fraction, belongs to its own label; the rest is the partner's.
    """

    images: Tensor
    labels: Tensor
    partners: Tensor | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Mixing:
    """How images are mixed in pairs; not at all by default. With both on, each batch takes either.

    Attributes:
        mixup: alpha of mixup, whose share is drawn from Beta(alpha, alpha); 0 is off.
        cutmix: alpha of CutMix, likewise.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __bool__(self) -> bool:
        return self != Mixing()


def mix_batch(images: Tensor, labels: Tensor, mixing: Mixing, generator: torch.Generator) -> Batch:
    """Mix each image of a batch with another one of it.

    Args:
        images: N x C x H x W, float32, normalised.
        labels: N, int64.
        mixing: how.
        generator: a CPU generator; all numbers are drawn on the CPU, so that a GPU sees the same images.
    """
    if not mixing:
        return Batch(images, labels)
    kind, level, down, right = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    partners = torch.randperm(len(images), generator=generator).to(images.device)
    is_mixup = mixing.mixup > 0 and (mixing.cutmix == 0 or kind < 0.5)
    if is_mixup:
        share = beta_quantile(level, mixing.mixup)
        mixed = mixup(images, images[partners], share)
    else:
        box = cut_box(beta_quantile(level, mixing.cutmix), down, right, *images.shape[2:])
        mixed, share = cutmix(images, images[partners], box)
    return Batch(mixed, labels, labels[partners], share)


def beta_quantile(level: float, alpha: float) -> float:
    """Turn a uniform number into one from Beta(alpha, alpha), by the inverse of its distribution function.

    One number in, one out: a sampler that rejects would need a number of draws that depends on their values.
    """
    from scipy.special import betaincinv  # takes long to import, and few runs need it

    return float(betaincinv(alpha, alpha, level))


def mixup(images: Tensor, others: Tensor, share: float) -> Tensor:
    """Return `share` of each image and the rest of its partner (Zhang et al., arXiv:1710.09412, section 2).

    Args:
        images: N x C x H x W, float32.
        others: their partners, likewise.
        share: lambda, in [0, 1].
    """
    return images * share + others * (1.0 - share)


def cut_box(share: float, down: float, right: float, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the box that CutMix takes from the partner (Yun et al., arXiv:1905.04899, section 3.1).

    Args:
        share: lambda, in [0, 1]: the box has 1 - lambda of the area, in whole pixels rounded down.
        down: uniform in [0, 1): the row of its centre.
        right: uniform in [0, 1): the column of its centre.
        height: of the images, in pixels.
        width: of the images, in pixels.

    Returns:
        Top, bottom, left, right; bottom and right lie behind the box. What falls outside is clipped.
    """
    edges = []
    for place, size in ((down, height), (right, width)):
        length = int(size * math.sqrt(1.0 - share))
        first = int(place * size) - length // 2
        edges += [max(0, first), min(size, first + length)]
    return edges[0], edges[1], edges[2], edges[3]


def cutmix(images: Tensor, others: Tensor, box: tuple[int, int, int, int]) -> tuple[Tensor, float]:
    """Put a box of each partner into each image, at the same place.

    Args:
        images: N x C x H x W, float32.
        others: their partners, likewise.
        box: as `cut_box` returns it.

    Returns:
        The images, and the share of their pixels that is their own: exact, so that clipping is accounted for.
    """
    top, bottom, left, right = box
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = others[:, :, top:bottom, left:right]
    num_pixels = images.shape[2] * images.shape[3]
    return mixed, 1.0 - (bottom - top) * (right - left) / num_pixels
