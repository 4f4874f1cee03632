"""Views of test images: which windows of an image a network is shown, and one answer from them all.

Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", 2012, section 4.1: ten windows, and the mean of their softmax outputs.

Windows are cut from images of the size that training brought them to. These are never enlarged to make room
for ten windows: the network would be asked about larger objects than it has learned.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from cnnlab.data import centre_crop
from cnnlab.errors import ConfigError, did_you_mean

TTA = ("none", "centre", "mirror", "shift", "mirror-shift", "ten-crop")
MOVES = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Pixels down and right, of the views of `shift`."""
AVERAGES = ("logits", "probs")
ONE_VIEW = "one view"


def cut_views(images: Tensor, size: int, tta: str) -> Iterator[Tensor]:
    """Give the views one after the other, each of all images, so that only one is in memory at a time.

    Args:
        images: N x C x H x W, uint8; H and W are at least `size`.
        size: height and width of a view, in pixels.
        tta: `none` and `centre` give the middle window (where margins cannot be equal, half a pixel up and
            left of the middle, see `centre_crop`): the whole image, where that is no larger. `mirror` gives
            that window and its mirror. `shift` gives that window and the same moved by a pixel up, down, left
            and right, of an image that goes on at its edge with its outermost pixels; `mirror-shift` these
            five, each followed by its mirror. `ten-crop` gives the windows in the corners (top left, top
            right, bottom left, bottom right) and in the middle, each followed by its own mirror.

    Yields:
        One view, N x C x size x size, uint8.
    """
    windows: Iterable[Tensor] = [centre_crop(images, size)]
    if tta == "ten-crop":
        rows, cols = ((slice(size), slice(length - size, length)) for length in images.shape[2:])
        windows = [*(images[:, :, row, col] for row in rows for col in cols), *windows]
    elif tta in ("shift", "mirror-shift"):
        windows = (_moved(images, size, down, right) for down, right in MOVES)
    for window in windows:
        yield window
        if tta in ("mirror", "mirror-shift", "ten-crop"):
            yield window.flip(3)


def _moved(images: Tensor, size: int, down: int, right: int) -> Tensor:
    """Return the middle window of images moved by some pixels; what comes in repeats their edge."""
    rows, cols = (
        (torch.arange(length) - by).clamp(0, length - 1).to(images.device)
        for length, by in zip(images.shape[2:], (down, right), strict=True)
    )
    return centre_crop(images[:, :, rows[:, None], cols], size)


def average_views(logits: Iterable[Tensor], average: str) -> Tensor:
    """Return the probabilities that come of several views of the same images.

    Args:
        logits: of each view, N x num_classes; at least one.
        average: `probs` is the mean of the softmax of each view, `logits` the softmax of the mean.

    Returns:
        N x num_classes, float64; rows sum to 1.
    """
    scores = (view.double() if average == "logits" else view.double().softmax(1) for view in logits)
    total, num_views = next(scores), 1
    for view in scores:
        total, num_views = total + view, num_views + 1
    return (total / num_views).softmax(1) if average == "logits" else total / num_views


def views_in_words(tta: str, average: str) -> str:
    """Return how images are scored; the same words mean the same scores."""
    if tta in ("none", "centre"):
        return ONE_VIEW
    return f"{tta}, {'logits' if average == 'logits' else 'probabilities'} averaged"


def check_view_names(tta: str, average: str) -> None:
    """Refuse what is not one of `TTA` or of `AVERAGES`; raises ConfigError."""
    for option, value, known in (("tta", tta, TTA), ("average", average, AVERAGES)):
        if value not in known:
            raise ConfigError(f"{option}: there is no {option} {value!r}. {did_you_mean(value, known)}")


def check_slack(tta: str, *, image_size: int, crop_size: int, place: str) -> None:
    """Refuse ten windows that would all be one and the same.

    Args:
        tta: one of `TTA`.
        image_size: height and width that images are brought to.
        crop_size: height and width that the network takes.
        place: the run or the setting, for messages.

    Raises:
        ConfigError: `ten-crop`, and the images are no larger than what the network takes.
    """
    if tta == "ten-crop" and image_size <= crop_size:
        larger = crop_size + max(2, crop_size // 8)
        raise ConfigError(
            f"{place}: ten-crop needs images larger than the {crop_size} x {crop_size} pixels that the "
            f"network takes; these are {image_size} x {image_size}. Train on random crops, for example with "
            f"--set data.image_size={larger} --set data.crop_size={crop_size}, or choose mirror."
        )
