"""bf16 on a processor without instructions for it: the same products, rounded alike, computed in float32.

There torch computes products of bf16 20 to 50 times slower than those of float32. The product of two
numbers of bf16 fits in float32, and instructions for bf16 sum such products up in float32: rounding the
factors to bf16, multiplying in float32 and rounding the result is the same but for the order of the sum. So
what bf16 does to a network can be studied anywhere.

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
        Tensor.matmul,
        Tensor.__matmul__,
        Tensor.mm,
    }
)
"""What autocast computes in bf16, as far as networks here call it; anything else is left to torch."""


class RoundedProducts(TorchFunctionMode):
    """While this lasts, products are those of bf16, computed in float32; so are their gradients, even later.

    For use inside of autocast to bf16, which chooses the types of all else.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch; called by torch."""
        kwargs = kwargs or {}
        if func not in _PRODUCTS:
            return func(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            named = {name: _rounded(value) for name, value in kwargs.items()}
            return func(*map(_rounded, args), **named).to(torch.bfloat16)


def _rounded(value: Any) -> Any:
    """Round a tensor's numbers to those of bf16, in float32; its gradient is rounded on the way back."""
    return value.to(torch.bfloat16).float() if isinstance(value, Tensor) else value
