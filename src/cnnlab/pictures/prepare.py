"""From a picture to what a network takes: the same numbers in `predict`, in an export and on a server."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnlab.pictures.digit import centre_digit
from cnnlab.pictures.resize import Pixels, resize_picture, to_channels


@dataclass(frozen=True)
class Preparation:
    """How pictures are prepared for a network.

    Attributes:
        in_channels: 1 for grey, 3 for colour.
        image_size: height and width that pictures are brought to, in pixels.
        crop_size: height and width of their middle window, which the network takes.
        mean: per channel, of pixels in [0, 1]; subtracted from them.
        std: likewise; they are then divided by it.
        digit_size: for networks that were trained on digits, the size in which a digit is centred before it
            is brought to `image_size`; None for others.
    """

    in_channels: int
    image_size: int
    crop_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    digit_size: int | None

    def pixels(self, picture: Pixels, *, name: str = "the image") -> Pixels:
        """Bring a picture to the form of the images that the network was trained on.

        Args:
            picture: C x H x W, uint8, C is 1 or 3.
            name: what to call it in messages.

        Returns:
            in_channels x image_size x image_size, uint8.

        Raises:
            DataError: a digit is needed, and nothing in the picture stands out as one.
        """
        if self.digit_size is None:
            fewest = to_channels(
                picture, min(picture.shape[0], self.in_channels)
            )  # as little as can be resized
            return to_channels(resize_picture(fewest, self.image_size), self.in_channels)
        digit = centre_digit(picture, size=self.digit_size, name=name)
        return to_channels(resize_picture(digit, self.image_size), self.in_channels)

    def inputs(self, pixels: Pixels) -> NDArray[np.float32]:
        """Cut out the middle window and bring it to scale.

        Args:
            pixels: ... x in_channels x image_size x image_size, uint8.

        Returns:
            ... x in_channels x crop_size x crop_size, float32: `(pixels / 255 - mean) / std`.
        """
        first = (self.image_size - self.crop_size) // 2
        window = pixels[..., first : first + self.crop_size, first : first + self.crop_size]
        mean, std = (np.array(values, dtype=np.float32).reshape(-1, 1, 1) for values in (self.mean, self.std))
        levels, scale = mean * np.float32(255), np.divide(1, std * np.float32(255), dtype=np.float32)
        return np.multiply(np.subtract(window, levels, dtype=np.float32), scale, dtype=np.float32)
