"""Whitening filters do what their name says."""

import pytest
import torch

from cnnlab.nn import whitening_filters


@pytest.mark.parametrize(("channels", "kernel"), [(3, 2), (1, 3)])
def test_outputs_have_variance_one_and_no_correlation(channels, kernel):
    generator = torch.Generator().manual_seed(0)
    images = torch.nn.functional.avg_pool2d(torch.randn(50, channels, 26, 26, generator=generator), 3, 1)
    filters = whitening_filters(images, kernel)
    num = channels * kernel**2
    assert filters.shape == (2 * num, channels, kernel, kernel) and filters.dtype == torch.float32
    assert torch.equal(filters[:num], -filters[num:])
    maps = torch.nn.functional.conv2d(images, filters[:num])
    covariance = maps.transpose(0, 1).flatten(1).double().cov()
    off = covariance - covariance.diagonal().diag()
    assert off.abs().max() < 1e-3
    assert covariance.diagonal()[0] == pytest.approx(1, abs=0.02)  # the least like a constant comes last
    assert (covariance.diagonal().diff() < 1e-6).all() and covariance.diagonal().min() > 0.5


def test_patches_that_are_all_alike_are_not_blown_up():
    filters = whitening_filters(torch.ones(4, 1, 8, 8), 2)
    assert filters.isfinite().all() and filters.abs().max() <= 1 / 5e-4**0.5 + 1e-3
