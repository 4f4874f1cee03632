"""Pooling with its padding written out: forms of export differ in how they round, not in what that means."""

from typing import Any

from torch import nn

from cnnlab.errors import ExportError


def pooling_of(
    module: nn.Module, shape_in: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[str, dict[str, Any]]:
    """Return kind and values of a pooling layer, see `graph.Layer`.

    Args:
        module: of torch.
        shape_in: of the maps that it takes, C x H x W.
        shape: of those it puts out.

    Raises:
        ExportError: an adaptive pooling that has windows of several sizes at this one.
    """
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        kind = "avg" if isinstance(module, nn.AdaptiveAvgPool2d) else "max"
        if shape[1:] == (1, 1):
            return f"global_{kind}", {}
        if any(long % part for long, part in zip(shape_in[1:], shape[1:], strict=True)):
            before, after = (" x ".join(map(str, sides[1:])) for sides in (shape_in, shape))
            raise ExportError(
                f"export: pooling from {before} to {after} pixels has windows of several sizes, which no "
                "form of export has. Train the network on images of the size that it was made for."
            )
        kernel = tuple(long // part for long, part in zip(shape_in[1:], shape[1:], strict=True))
        return f"{kind}_pool", {"kernel": kernel, "stride": kernel, "padding": (0, 0, 0, 0)}
    assert isinstance(module, nn.MaxPool2d | nn.AvgPool2d), f"no export of {module}"
    kernel, stride, padding = (_pair(value) for value in (module.kernel_size, module.stride, module.padding))
    # What the last window needs beyond the edge: with `ceil_mode` more than on the other side, else less.
    after = [
        max(0, (long_out - 1) * step + window - long_in - pad)
        for long_in, long_out, window, step, pad in zip(
            shape_in[1:], shape[1:], kernel, stride, padding, strict=True
        )
    ]
    is_max = isinstance(module, nn.MaxPool2d)
    if is_max:
        assert module.dilation in (1, (1, 1)) and not module.return_indices
    else:
        is_padded = any((*padding, *after))
        assert module.divisor_override is None and not (is_padded and module.count_include_pad)
    return ("max_pool" if is_max else "avg_pool"), {
        "kernel": kernel,
        "stride": stride,
        "padding": (*padding, *after),
    }


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)
