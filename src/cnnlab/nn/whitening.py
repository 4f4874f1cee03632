"""Filters that whiten patches: their outputs have one variance and no correlation, from the first step."""

import torch
from torch import Tensor

IMAGES_AT_ONCE = 20
EPSILON = 5e-4
"""Added to variances, so that directions in which patches hardly differ are not blown up."""


def whitening_filters(images: Tensor, kernel: int) -> Tensor:
    """Return filters along the principal components of the images' patches, and the same with the other sign.

    Each filter is its component over the square root of its variance, so that every output has a variance
    near 1; with both signs, nothing is lost to a rectifier that follows.

    Args:
        images: N x C x H x W, float, normalised; H and W are at least `kernel`.
        kernel: height and width of the patches, in pixels.

    Returns:
        (2 * C * kernel^2) x C x kernel x kernel, float32, on the device of `images`.

    Source: A. Coates, A. Ng, "Learning Feature Representations with K-means", 2012, section 2, for the
    whitening; the CIFAR-10 speed-runs for fixed filters with both signs.
    """
    channels = images.shape[1]
    num_patches, length = 0, channels * kernel**2
    total = torch.zeros(length, dtype=torch.float64, device=images.device)
    products = torch.zeros(length, length, dtype=torch.float64, device=images.device)
    for part in images.split(IMAGES_AT_ONCE):
        patches = part.double().unfold(2, kernel, 1).unfold(3, kernel, 1)  # N x C x h x w x kernel x kernel
        patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, length)
        num_patches, total, products = (
            num_patches + len(patches),
            total + patches.sum(0),
            products + patches.T @ patches,
        )
    mean = total / num_patches
    covariance = products / num_patches - mean[:, None] * mean
    variances, components = torch.linalg.eigh(covariance)
    filters = (components / (variances.clamp_min(0.0) + EPSILON).sqrt()).T.flip(0)  # the largest first
    filters = filters.reshape(-1, channels, kernel, kernel)
    return torch.cat([filters, -filters]).float()
