"""Colour noise along the principal components of a data set's pixels.

Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012,
section 4.1: to each pixel is added the sum over the components p_i of p_i * alpha_i * lambda_i, with alpha_i
from N(0, 0.1).

Deviations
- The paper calls lambda the eigenvalue of the covariance of the pixels, a variance, and does not say in which
  unit pixels are, on which the strength of the noise depends. Here they are in [0, 1]. Standard deviation of
  the shift along the first component, of 8,000 images of CIFAR-10, in grey levels of 255: 4.4 here; 1,132
  with pixels in 0 to 255, which leaves nothing of an image; 10.6 with the root of lambda, the pixels' own
  deviation, in any unit. The author's later code (`convdata.py` of cuda-convnet2) calls its values
  `color_stdevs`, which suggests that deviations were meant: for the first component of those images `pca` 2.4
  times as large. That code also divides images by 1.1 afterwards, which is not done here.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cnnlab.data.dataset import Dataset
from cnnlab.data.normalise import pixel_sums


class ColourComponents(NamedTuple):
    """In which directions the pixels of a data set vary, and how much; most first.

    Attributes:
        eigenvalues: 3, float64: variances of pixels in [0, 1] along the components.
        vectors: 3 x 3, float64: one component of length 1 per row. The sign, which the mathematics leaves
            open, is the one that makes the largest entry positive.
    """

    eigenvalues: Tensor
    vectors: Tensor


def colour_components(dataset: Dataset) -> ColourComponents:
    """Return the eigenvalues and eigenvectors of the 3 x 3 covariance of a data set's pixels.

    The covariance, of all pixels of whole images in [0, 1], is exact but for its last rounding.
    """
    assert dataset.in_channels == 3, dataset.in_channels
    pairs = [(one, other) for one in range(3) for other in range(one + 1)]
    sums, products, count = pixel_sums(dataset, pairs)
    covariance = torch.empty(3, 3, dtype=torch.float64)
    for (one, other), product in zip(pairs, products, strict=True):
        value = (count * product - sums[one] * sums[other]) / (
            255 * count
        ) ** 2  # whole numbers, divided once
        covariance[one, other] = covariance[other, one] = value
    rising, columns = torch.linalg.eigh(covariance)
    vectors = columns.T.flip(0)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return ColourComponents(rising.flip(0).clamp(min=0.0), vectors * largest.sign())


def colour_shifts(components: ColourComponents, alphas: Tensor) -> Tensor:
    """Return what is added to each pixel of an image: the sum over i of p_i * (alpha_i * lambda_i).

    Args:
        components: p, the vectors, and lambda, the eigenvalues.
        alphas: 3 x N, float32: those of each image, one per component.

    Returns:
        N x 3, float64, in units of [0, 1].
    """
    return (alphas.double() * components.eigenvalues[:, None]).T @ components.vectors
