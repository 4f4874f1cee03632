"""Pooling, convolution, batch norm and dropout against TensorFlow's."""

from collections.abc import Callable

import pytest
import torch
from golden_cases import (
    CONV_CASES,
    DROPOUT_COUNT,
    KEEP_PROBS,
    NORM_BATCHES,
    NORM_COUNT,
    NORM_DECAY,
    NORM_EPS,
    POOL_CASES,
    ConvCase,
    PoolCase,
    norm_batch,
)
from layouts import to_nchw, to_nhwc, to_oihw
from torch import nn

from cnnlab.models import create_model
from cnnlab.nn import make_halving_pool


@pytest.mark.parametrize("case", POOL_CASES, ids=lambda case: case.key)
def test_pooling_is_tensorflows_same_pooling(case: PoolCase, stored: Callable, agree: Callable) -> None:
    arrays = stored("pooling")
    pool = make_halving_pool(case.pool, overlapping=case.window == 3)
    maps, output_grad = to_nchw(case.maps()).requires_grad_(), to_nchw(case.output_grad())
    # Windows of 3 on an even size lack one pixel. We add it on the left, TensorFlow on the right: ours on the
    # mirrored image are theirs.
    mirrored = case.window == 3 and case.size % 2 == 0
    axes = (2, 3) if mirrored else ()
    pooled = pool(maps.flip(axes)).flip(axes)
    (grad,) = torch.autograd.grad(pooled, maps, output_grad)
    what = f"SAME pooling, {case.pool} of {case.window}/2" + (", even sizes, mirrored" if mirrored else "")
    agree(f"{what}: values", to_nhwc(pooled), arrays[f"{case.key}-forward"], within=1e-6)
    agree(f"{what}: gradients", to_nhwc(grad), arrays[f"{case.key}-grad"], within=1e-6)


def test_seven_becomes_four_in_tensorflow_too(stored: Callable) -> None:
    arrays = stored("pooling")
    assert arrays["max-2-7-forward"].shape == arrays["average-2-7-forward"].shape == (2, 4, 4, 2)


def test_overlapping_windows_of_even_images_are_not_tensorflows(stored: Callable, differ: Callable) -> None:
    case = PoolCase("average", 3, 8)
    pooled = make_halving_pool("average", overlapping=True)(to_nchw(case.maps()))
    theirs = stored("pooling")[f"{case.key}-forward"]
    differ(
        "overlapping average pooling of even sizes: windows lie one pixel apart",
        to_nhwc(pooled),
        theirs,
        between=(0.1, 3),
    )


@pytest.mark.parametrize("case", CONV_CASES, ids=lambda case: case.network)
def test_convolutions_of_the_networks_are_tensorflows(
    case: ConvCase, stored: Callable, agree: Callable
) -> None:
    arrays = stored("convolution")
    with torch.device("meta"):
        layer = create_model(case.network).features.get_submodule(case.layer)
    weight = to_oihw(case.weight())
    assert isinstance(layer, nn.Conv2d)
    state = {"weight": weight} if layer.bias is None else {"weight": weight, "bias": torch.zeros(len(weight))}
    layer.load_state_dict(state, assign=True)
    maps = to_nchw(case.maps()).requires_grad_()
    convolved = layer(maps)
    (grad,) = torch.autograd.grad(convolved, maps, to_nchw(case.output_grad()))
    what = f"convolution {case.kernel}x{case.kernel}" + (
        f" every {case.stride} pixels" if case.stride > 1 else ""
    )
    agree(f"{what}: values", to_nhwc(convolved), arrays[f"{case.network}-forward"], within=5e-6)
    agree(f"{what}: gradients", to_nhwc(grad), arrays[f"{case.network}-grad"], within=5e-6)


# --- batch norm -----------------------------------------------------------------------------------------


def trained_norm() -> tuple[nn.BatchNorm2d, torch.Tensor]:
    """The first normalisation of a ResNet after a few batches, and what it made of the last."""
    norm = create_model("resnet20", norm_momentum=1 - NORM_DECAY).features.get_submodule("norm1")
    assert isinstance(norm, nn.BatchNorm2d) and norm.eps == NORM_EPS
    outputs = torch.empty(0)
    for index in range(NORM_BATCHES):
        outputs = norm.train()(to_nchw(norm_batch(index)))
    return norm, outputs


def test_a_momentum_of_3_per_mille_is_tensorflows_decay_of_0_997(stored: Callable, agree: Callable) -> None:
    arrays = stored("batch_norm")
    norm, outputs = trained_norm()
    what = "batch norm, decay 0.997, the fused kernel"
    agree(f"{what}: outputs", to_nhwc(outputs), arrays["outputs"], within=1e-6)
    agree(f"{what}: running means", norm.running_mean, arrays["mean"], within=1e-6)
    agree(f"{what}: running variances", norm.running_var, arrays["variance"], within=1e-6)


def test_kerass_running_variance_lacks_bessels_correction(
    stored: Callable, agree: Callable, differ: Callable
) -> None:
    # Of n values, both the fused kernel and PyTorch keep the unbiased variance, n / (n - 1) times what they
    # normalise with; Keras 3 keeps the latter. The share that started at 1 is the same in all.
    arrays = stored("batch_norm")
    norm, _ = trained_norm()
    agree("batch norm, Keras 3: running means", norm.running_mean, arrays["keras-mean"], within=1e-6)
    left = NORM_DECAY**NORM_BATCHES
    corrected = left + (arrays["keras-variance"] - left) * NORM_COUNT / (NORM_COUNT - 1)
    agree(
        "batch norm, Keras 3: running variances times n / (n - 1)", norm.running_var, corrected, within=1e-6
    )
    share = (arrays["variance"] - left) / left
    largest = float(share.max() / (1 + share.max()) / NORM_COUNT)
    differ(
        f"batch norm, Keras 3: running variances after {NORM_BATCHES} batches of n = {NORM_COUNT}",
        norm.running_var,
        arrays["keras-variance"],
        between=(0.9 * largest, 1.2 * largest),
    )


# --- dropout --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(len(KEEP_PROBS)), ids=[f"keep {keep}" for keep in KEEP_PROBS])
def test_dropout_here_is_one_less_what_tensorflow_1_keeps(
    index: int, stored: Callable, agree: Callable
) -> None:
    """TensorFlow 1 is told how much to keep, and scales what it keeps by 1 / keep; here it is told to drop.

    So 0.25, passed to it as the rate to drop, keeps a quarter, four times as large: here that is 0.75.
    """
    keep = KEEP_PROBS[index]
    share, value = stored("dropout")["share-and-value"][index]
    layer = create_model("convnet_mnist", dropout=1 - keep).head.get_submodule("dropout3")
    torch.manual_seed(0)
    values = layer.train()(torch.ones(DROPOUT_COUNT))
    (kept,) = values[values != 0].unique()
    assert value == pytest.approx(1 / keep, rel=1e-6)
    agree(
        "dropout, `keep_prob`: what is kept, 1 / keep times as large", kept, torch.tensor(value), within=1e-6
    )
    # Five deviations of two shares of so many draws
    five = 5 * (2 * keep * (1 - keep) / DROPOUT_COUNT) ** 0.5
    assert (values != 0).double().mean().item() == pytest.approx(share, abs=five)
    assert values.mean().item() == pytest.approx(1, abs=five / keep)
    assert torch.equal(layer.eval()(torch.ones(9)), torch.ones(9))
