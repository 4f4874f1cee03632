"""Random changes to a batch of training images, made on the whole batch at once, each with its own draw.

Every piece is a plain function of the images and of uniform numbers in [0, 1), one per image, so that each
can be compared with a loop over single images. Which piece reads which column of the draw is fixed:
switching one piece on or off leaves the others' numbers as they were. What came later (colour noise, size and
slant, waves) has generators of its own for that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cnnlab.data.colour import ColourComponents, colour_shifts
from cnnlab.data.crop import crop_and_mirror
from cnnlab.data.erasing import erase
from cnnlab.data.normalise import normalise
from cnnlab.data.order import counter_generator
from cnnlab.data.warp import affine_maps, affine_places, warp, waves

_NUM_DRAWS = 11

Resample = Callable[[Tensor, Tensor, tuple[float, ...]], Tensor]
"""From images (uint8), maps as `affine_maps` gives them, and the normalised colour of what lies outside."""


@dataclass(frozen=True)
class Augment:
    """What may happen to a training image; nothing by default.

    Attributes:
        pad_crop: pad by this many pixels on each side, then cut a window at a random place, of the image's
            own size or of the crop's.
        mirror: mirror left and right with probability 1/2.
        alternating: mirror those that the caller names instead.
        shift: move by up to this many pixels, fractions included, along each axis.
        rotation: rotate by up to this many degrees to either side.
        zoom: enlarge or shrink by up to this share: 0.1 is between 1 / 1.1 and 1.1 of the size.
        shear: slant by up to this many degrees to either side.
        elastic: bend along random waves, which move a place by this many pixels (standard deviation along
            each axis), see `waves`.
        pca: standard deviation of the alphas of colour noise along the principal components of the data
            set's pixels, see `colour_shifts`; 0.1 in the AlexNet paper. Sums are not clipped.
        noise: standard deviation of Gaussian noise added to pixels in [0, 1]; sums are not clipped.
        erasing: probability that one random rectangle of the image is replaced by the mean colour.
        fill: colour of what comes in from outside the image: `black` (0), as for light strokes on a dark
            ground and most CIFAR recipes, or the data set's `mean` colour; `reflect`: the image goes on
            mirrored at its edge.
    """

    pad_crop: int = 0
    mirror: bool = False
    alternating: bool = False
    shift: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    pca: float = 0.0
    noise: float = 0.0
    erasing: float = 0.0
    fill: Literal["black", "mean", "reflect"] = "black"

    def __bool__(self) -> bool:
        return self != Augment(fill=self.fill, alternating=self.alternating)


def augment_batch(
    images: Tensor,
    augment: Augment,
    generator: torch.Generator,
    *,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    mean_colour: tuple[float, ...] | None = None,
    crop_size: int | None = None,
    components: ColourComponents | None = None,
    mirrored: Tensor | None = None,
    resample: Resample | None = None,
) -> Tensor:
    """Change each image at random, and normalise.

    The order is: pad, crop and mirror; shift, rotate, zoom, shear and bend, all in one; colour; noise; erase.
    What a shift or a rotation brings into a window is the fill's colour, also where the image goes on beyond
    the window.

    Args:
        images: N x C x H x W, uint8, on any device.
        augment: what may happen.
        generator: a CPU generator; all numbers are drawn on the CPU, so that a GPU sees the same images.
        mean: one per channel, in units of [0, 1]; as `normalise`.
        std: as `mean`.
        mean_colour: of the data set, in units of [0, 1]; `mean` if not given.
        crop_size: cut a window of this height and width at a random place, whatever else may happen.
        components: of the data set's colours; needed for `augment.pca` alone.
        mirrored: N, bool, on the CPU: which images to mirror, where `augment.alternating`.
        resample: another way to normalise images and resample them along affine maps, the same to rounding.

    Returns:
        N x C x H x W, or N x C x crop_size x crop_size, float32, on the device of `images`; exactly
        `normalise(images)` where nothing is on.
    """
    if not augment and crop_size is None:
        return normalise(images, mean, std)
    draws = torch.rand(_NUM_DRAWS, len(images), generator=generator)
    if augment.mirror and augment.alternating:
        assert mirrored is not None, "which images are mirrored depends on the epoch"
        draws[2] = torch.where(mirrored, 0.0, 1.0)
    mean_colour = mean if mean_colour is None else mean_colour
    fill = mean_colour if augment.fill == "mean" else (0.0,) * len(mean)
    if augment.pad_crop or augment.mirror or crop_size is not None:
        images = crop_and_mirror(
            images,
            draws[0:3],
            (images.shape[2], images.shape[3]) if crop_size is None else (crop_size, crop_size),
            margin=augment.pad_crop,
            fill=[round(255 * level) for level in fill],
            mirror=augment.mirror,
            reflect=augment.fill == "reflect",
        )
    colour = _normalised(fill, mean, std)
    is_affine = augment.shift or augment.rotation or augment.zoom or augment.shear
    if is_affine and not augment.elastic and augment.fill != "reflect" and resample is not None:
        floats = resample(images, _maps(draws[3:6], augment, images.shape, generator.initial_seed()), colour)
    elif is_affine or augment.elastic:
        floats = normalise(images, mean, std)
        places = _places(draws[3:6], augment, floats.shape, generator.initial_seed()).to(floats.device)
        if augment.fill == "reflect":
            floats = warp(floats, places, outside="reflection")
        else:
            outside = torch.tensor(colour).to(floats.device).view(1, -1, 1, 1)
            floats = warp(floats.sub_(outside), places).add_(outside)  # `warp` brings in zeros
    else:
        floats = normalise(images, mean, std)
    if augment.pca:
        assert components is not None, "colour noise needs the data set's components"
        own = counter_generator(generator.initial_seed(), "pca")
        add_colour(floats, augment.pca, std, components, own)
    if augment.noise:
        add_noise(floats, augment.noise, std, generator)
    if augment.erasing:
        erase(floats, draws[6:11], augment.erasing, _normalised(mean_colour, mean, std))
    return floats


def _normalised(
    colour: tuple[float, ...], mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[float, ...]:
    """Return a colour, in units of [0, 1], as `normalise` would make it."""
    return tuple((level - m) / s for level, m, s in zip(colour, mean, std, strict=True))


def _maps(draws: Tensor, augment: Augment, shape: torch.Size, seed: int) -> Tensor:
    """Return the affine part of where new pixels lie in the old images: N x 2 x 3; draws are 3 x N."""
    num, _, height, width = shape
    own = torch.full((2, num), 0.5)
    if augment.zoom or augment.shear:
        own = torch.rand(2, num, generator=counter_generator(seed, "affine"))
    return affine_maps(torch.cat([draws, own]), augment, height, width)


def _places(draws: Tensor, augment: Augment, shape: torch.Size, seed: int) -> Tensor:
    """Return where the pixels of new images lie in the old ones: N x H x W x 2."""
    num, _, height, width = shape
    places = affine_places(_maps(draws, augment, shape, seed), height, width)
    if augment.elastic:
        places += waves(augment.elastic, num, height, width, counter_generator(seed, "elastic"))
    return places


def add_colour(
    images: Tensor,
    sigma: float,
    std: tuple[float, ...],
    components: ColourComponents,
    generator: torch.Generator,
) -> None:
    """Add to all pixels of an image one random colour, in place (AlexNet, 2012, section 4.1).

    Args:
        images: N x 3 x H x W, float32, normalised.
        sigma: standard deviation of the alphas, drawn once for each image and component.
        std: that of the normalisation.
        components: of the data set's pixels in [0, 1].
        generator: a CPU generator.
    """
    alphas = torch.randn(3, len(images), generator=generator) * sigma
    shifts = colour_shifts(components, alphas) / torch.tensor(std, dtype=torch.float64)
    images.add_(shifts.float().to(images.device)[:, :, None, None])


def add_noise(images: Tensor, noise: float, std: tuple[float, ...], generator: torch.Generator) -> None:
    """Add Gaussian noise in place; `images` are normalised, `noise` is in units of [0, 1]."""
    scale = noise / torch.tensor(std).view(1, -1, 1, 1)
    images.add_(torch.randn(images.shape, generator=generator).mul_(scale).to(images.device))
