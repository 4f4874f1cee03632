"""The size of what convolutions and poolings put out, and of what comes out of a chain of layers."""

from collections.abc import Iterator

from torch import nn

from cnnlab.errors import GeometryError
from cnnlab.nn.branches import Branches
from cnnlab.nn.lrn import LocalResponseNorm

LARGEST_SEARCHED = 4096
"""No network here needs larger images, in pixels."""

_KEEP_SHAPE = (
    nn.BatchNorm2d,
    nn.Dropout,
    nn.Identity,
    nn.ReLU,
    nn.Sigmoid,
    nn.Tanh,
    LocalResponseNorm,
)


def conv_output_size(size: int, *, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Return the height or width of a convolution's output, in pixels; 0 or less where no window fits.

    Args:
        size: height or width of the input, in pixels.
        kernel: height or width of the filter.
        stride: distance between neighbouring windows.
        padding: zeros added on each side.
    """
    return (size + 2 * padding - kernel) // stride + 1


def pool_output_size(
    size: int, *, kernel: int, stride: int, padding: int = 0, ceil_mode: bool = False
) -> int:
    """Return the height or width of a pooling's output, in pixels; 0 or less where no window fits.

    With `ceil_mode` a last window may reach over the edge, as long as it starts inside the input or its left
    padding: 2/2 pooling then makes 4 of 7, as TensorFlow's SAME padding does.

    Args:
        size: height or width of the input, in pixels.
        kernel: height or width of the window.
        stride: distance between neighbouring windows.
        padding: pixels added on each side.
        ceil_mode: keep a last window that is not whole.
    """
    reach = size + 2 * padding - kernel
    if not ceil_mode:
        return reach // stride + 1
    windows = -(-reach // stride) + 1
    return windows - 1 if (windows - 1) * stride >= size + padding else windows


def output_shape(
    layers: nn.Sequential, *, in_channels: int, image_size: int, network: str
) -> tuple[int, int, int]:
    """Return the channels, height and width that come out of a chain of layers.

    Args:
        layers: named convolutions, poolings, branches and layers that keep the shape, possibly nested.
        in_channels: channels of the images.
        image_size: height and width of the images, in pixels.
        network: the name that error messages start with.

    Raises:
        GeometryError: the output of a layer would be empty. The message names the layer and the smallest
            image that all layers take.
    """
    channels, size, empty_layer = _walk(layers, in_channels, image_size)
    if empty_layer is None:
        return channels, size, size
    smallest = next(
        (trial for trial in range(1, LARGEST_SEARCHED + 1) if _walk(layers, in_channels, trial)[2] is None),
        None,
    )
    assert smallest is not None, f"{network}: no image size works"
    raise GeometryError(
        f"{network}: layer {empty_layer!r} would have nothing left to put out; images must be at least "
        f"{smallest}x{smallest} pixels. Received: image_size={image_size}."
    )


def _walk(layers: nn.Sequential, channels: int, size: int) -> tuple[int, int, str | None]:
    """Return the channels and size of the output, and the name of the first layer whose output is empty."""
    for name, layer in _named_leaves(layers):
        if isinstance(layer, Branches):
            channels, size, empty_layer = _walk_branches(layer, channels, size)
            if empty_layer is not None:
                return channels, size, f"{name}.{empty_layer}"
        elif isinstance(layer, nn.Conv2d):
            assert not isinstance(layer.padding, str) and set(layer.dilation) == {1}, layer
            channels = layer.out_channels
            size = conv_output_size(
                size,
                kernel=_side(layer.kernel_size),
                stride=_side(layer.stride),
                padding=_side(layer.padding),
            )
        elif isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
            size = pool_output_size(
                size,
                kernel=_side(layer.kernel_size),
                stride=_side(layer.stride),
                padding=_side(layer.padding),
                ceil_mode=layer.ceil_mode,
            )
        else:
            assert isinstance(layer, _KEEP_SHAPE), f"{name}: the output size of {layer} is not known"
        if size < 1:
            return channels, size, name
    return channels, size, None


def _walk_branches(layers: Branches, channels: int, size: int) -> tuple[int, int, str | None]:
    """Return what `_walk` does, of chains side by side: their channels add up."""
    outputs: list[tuple[int, int]] = []
    for name, branch in layers.named_children():
        assert isinstance(branch, nn.Sequential), name
        branch_channels, branch_size, empty_layer = _walk(branch, channels, size)
        if empty_layer is not None:
            return branch_channels, branch_size, f"{name}.{empty_layer}"
        outputs.append((branch_channels, branch_size))
    sizes = {branch_size for _, branch_size in outputs}
    assert len(sizes) == 1, f"branches put out maps of different sizes: {sizes}"
    return sum(branch_channels for branch_channels, _ in outputs), sizes.pop(), None


def _named_leaves(layers: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the layers in the order in which they run, with dotted names."""
    for name, layer in layers.named_children():
        if isinstance(layer, nn.Sequential):
            yield from _named_leaves(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer


def _side(value: int | tuple[int, ...]) -> int:
    """Return the one length of a square window, stride or padding."""
    sides = {value} if isinstance(value, int) else set(value)
    assert len(sides) == 1, f"windows must be square: {value}"
    return sides.pop()
