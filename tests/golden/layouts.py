"""From TensorFlow's layout to PyTorch's and back: images, kernels, and the dense layer after flattening."""

from typing import Any

import torch
from golden_cases import NetworkCase
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.models import ImageClassifier, create_model


def to_nchw(nhwc: NDArray[Any]) -> Tensor:
    return torch.from_numpy(nhwc).permute(0, 3, 1, 2).contiguous()


def to_nhwc(nchw: Tensor) -> Tensor:
    return nchw.detach().permute(0, 2, 3, 1)


def to_oihw(hwio: NDArray[Any]) -> Tensor:
    return torch.from_numpy(hwio).permute(3, 2, 0, 1).contiguous()


def to_out_in(in_out: NDArray[Any]) -> Tensor:
    return torch.from_numpy(in_out).T.contiguous()


def after_flattening(in_out: NDArray[Any], *, channels: int, size: int) -> Tensor:
    """Return the weights of the first dense layer, their inputs put into the order in which we flatten.

    The trap of this copy: TensorFlow flattens height x width x channels, PyTorch channels x height x width.
    Transposing alone gives a network of the right shape whose dense layer reads the wrong pixels.
    """
    by_place = torch.from_numpy(in_out).view(size, size, channels, -1)
    return by_place.permute(3, 2, 0, 1).flatten(1).contiguous()


def network_with_weights(case: NetworkCase) -> ImageClassifier:
    """Return the network of a case with the weights that TensorFlow was given, for evaluation."""
    with torch.device("meta"):
        network = create_model(case.network, **case.args)
    state: dict[str, Tensor] = {}
    for name, (weight, bias) in case.layers().items():
        part = "features" if name.startswith("conv") else "head"
        if part == "features":
            copied = to_oihw(weight)
        elif name == "fc1":
            channels = case.conv[-1][1]
            copied = after_flattening(weight, channels=channels, size=int((len(weight) / channels) ** 0.5))
        else:
            copied = to_out_in(weight)
        state[f"{part}.{name}.weight"], state[f"{part}.{name}.bias"] = copied, torch.from_numpy(bias)
    network.load_state_dict(state, assign=True)
    return network.eval()
