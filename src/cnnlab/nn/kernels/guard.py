"""What kernels may be given, and how often what they return can be differentiated.

C is handed addresses: whatever a tensor may be besides numbers in the memory of this process is turned away
here, and the caller goes torch's way.
"""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from cnnlab.nn.kernels.library import load_kernels

ONCE = (
    b"higher derivatives are not known of what cnnlab computes in one pass; "
    b"CNNLAB_KERNELS=off leaves all of it but LRN to torch"
)

BATCHED = (
    "what cnnlab computes in one pass takes one gradient at a time, not a batch; take them in a loop, or "
    "set CNNLAB_KERNELS=off, which leaves all of it but LRN to torch"
)


def can_take(
    maps: Tensor,
    *parameters: Tensor | None,
    types: Collection[torch.dtype],
    parameter_type: torch.dtype | None = None,
) -> bool:
    """Tell whether kernels can work on these.

    Args:
        maps: must be N x C x H x W, channels-last, of at least one number.
        parameters: weights and the like; None is no matter.
        types: of the maps' numbers that the kernel knows.
        parameter_type: of the parameters' numbers; that of the maps if None.
    """
    if is_recorded():  # comes first: torch.compile cannot follow the other questions
        return False
    type_wanted = parameter_type or maps.dtype
    for tensor in parameters:
        if tensor is not None and not (_is_plain(tensor) and tensor.dtype == type_wanted):
            return False
    return (
        _is_plain(maps)
        and maps.dim() == 4
        and maps.dtype in types
        and maps.numel() > 0
        and maps.is_contiguous(memory_format=torch.channels_last)
        and load_kernels().library is not None
    )


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Let a second derivative raise, wherever it would come from.

    Torch's decorator of this name asks only whether the incoming gradient needs one. But the result of
    `backward` also depends on what was saved, and would pass for a constant.
    """

    @wraps(backward)
    def wrapper(ctx: Any, *grads: Tensor) -> Any:
        with torch.no_grad():
            results = backward(ctx, *grads)
        if not torch.is_grad_enabled():
            return results
        results = results if isinstance(results, tuple) else (results,)
        raising = torch._C._functions.DelayedError(ONCE, len(results))  # pyright: ignore[reportAttributeAccessIssue]
        return raising(*(None if one is None else one.detach().requires_grad_() for one in results))

    return wrapper


def keep(ctx: Any, *tensors: Tensor | None) -> None:
    """Save tensors for the way back, with their layout in memory."""
    ctx.save_for_backward(*tensors)
    ctx.layouts = [None if tensor is None else _layout_of(tensor) for tensor in tensors]


def kept(ctx: Any) -> list[Any]:
    """Return what was saved, laid out as it was.

    Hooks of autograd that keep it elsewhere (`torch.autograd.graph.saved_tensors_hooks`) bring back the same
    numbers, but not always where C looks for them.
    """
    return [
        tensor if tensor is None or _layout_of(tensor) == layout else _laid_out(tensor, *layout)
        for tensor, layout in zip(ctx.saved_tensors, ctx.layouts, strict=True)
    ]


def incoming(grad: Tensor) -> Tensor:
    """Return a gradient as C reads it: channels-last, and no negative view.

    Raises:
        RuntimeError: it is a batch of gradients (`is_grads_batched`, `jacobian(vectorize=True)`).
    """
    functorch: Any = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue]
    if functorch.is_batchedtensor(grad) or functorch.is_legacy_batchedtensor(grad):
        raise RuntimeError(BATCHED)
    return grad.resolve_neg().contiguous(memory_format=torch.channels_last)


def _layout_of(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.shape, tensor.stride(), tensor.dtype


def _laid_out(tensor: Tensor, shape: torch.Size, strides: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.empty_strided(shape, strides, dtype=dtype).copy_(tensor.view(shape))


def is_transformed() -> bool:
    """Tell whether `torch.func` or forward-mode differentiation is at work, which know no closed forms."""
    stack = torch._C._functorch.peek_interpreter_stack()  # pyright: ignore[reportAttributeAccessIssue]
    return stack is not None or forward_ad._current_level >= 0


def is_recorded() -> bool:
    """Tell whether somebody follows what torch computes: by tracing, transforming or measuring it."""
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        or torch._C._len_torch_dispatch_stack() > 0
        or is_transformed()
    )


def _is_plain(tensor: Tensor) -> bool:
    return (
        type(tensor) in (Tensor, nn.Parameter)
        and tensor.device.type == "cpu"
        and tensor.layout == torch.strided
        and not tensor.is_neg()
    )
