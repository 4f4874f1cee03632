"""bf16 on a processor without instructions for it: the same products, rounded alike, computed in float32.

There torch computes products of bf16 many times slower than those of float32 (LOG.md has figures). The
product of two numbers of bf16 fits in float32, and instructions for bf16 sum such products up in float32:
rounding the factors to bf16, multiplying in float32 and rounding the result is the same but for the order of
the sum and for numbers below 1e-38, which instructions take for 0. So what bf16 does to a network can be
studied anywhere.

Source: Kalamkar et al., A study of bfloat16 for deep learning training, arXiv:1905.12322, which emulates bf16
likewise.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_PRODUCTS = frozenset(
    {
        F.conv2d,
        F.conv_transpose2d,
        F.linear,
        torch.addmm,
        torch.bmm,
        torch.matmul,
        torch.mm,
        Tensor.addmm,
        Tensor.bmm,
        Tensor.matmul,
        Tensor.__matmul__,
        Tensor.mm,
    }
)
"""What autocast computes in bf16, as far as networks here call it; anything else is left to torch."""

_ROUNDED_TYPES = (torch.float32, torch.bfloat16)


class RoundedProducts(TorchFunctionMode):
    """While this lasts, products that autocast wants in bf16 are computed in float32, of rounded factors.

    For use inside of autocast to bf16, which chooses the types of all else. Gradients are computed likewise,
    if they are asked for after this has ended, as with autocast.
    """

    def __init__(self) -> None:
        super().__init__()
        self._weights: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch; called by torch."""
        kwargs = kwargs or {}
        if func not in _PRODUCTS or not _is_for_bf16(args, kwargs):
            return func(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            named = {name: self._rounded(value) for name, value in kwargs.items()}
            return func(*map(self._rounded, args), **named).to(torch.bfloat16)

    def _rounded(self, value: Any) -> Any:
        """Round a tensor's numbers to those of bf16, in float32; its gradient is rounded on the way back."""
        return self._in_bf16(value).float() if isinstance(value, Tensor) else value

    def _in_bf16(self, tensor: Tensor) -> Tensor:
        """Return a tensor in bf16; of a weight one copy, where the gradients of its uses are summed."""
        if not (tensor.is_leaf and tensor.requires_grad and torch.is_grad_enabled()):
            return tensor.to(torch.bfloat16)
        if id(tensor) not in self._weights:
            self._weights[id(tensor)] = tensor, tensor.to(torch.bfloat16)
        return self._weights[id(tensor)][1]


def _is_for_bf16(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Tell whether autocast would compute a product of these in bf16."""
    tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    is_fit = all(tensor.dtype in _ROUNDED_TYPES for tensor in tensors)
    return is_fit and "out" not in kwargs and torch.is_autocast_enabled("cpu")
