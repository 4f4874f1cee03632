"""Maps of layers as pictures for other programs: PNGs without axes or words."""

import base64
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cnnlab.evaluation import Run


def map_of(layer: str, kind: str, values: Tensor) -> dict[str, Any]:
    """Return what a layer puts out as a picture, with what is needed to read it.

    Args:
        layer: its name.
        kind: its class.
        values: C x h x w, or those of a dense layer.

    Returns:
        `layer`, `kind`, `shape`, `least`, `largest`, `columns`, and `png`, in base64: grey, 0 for the least
        and 255 for the largest value; maps beside each other in rows of `columns`, without gaps.
    """
    array = values.numpy()
    least, largest = float(array.min()), float(array.max())
    scale = 255 / (largest - least) if largest > least else 0.0
    grey = np.rint((array - least) * scale).astype(np.uint8)
    sheets = grey if grey.ndim == 3 else grey.reshape(1, 1, -1)
    num_maps, height, width = sheets.shape
    columns = math.ceil(math.sqrt(num_maps * height / width)) if num_maps > 1 else 1
    columns = min(columns, num_maps)
    rows = math.ceil(num_maps / columns)
    padded = np.zeros((rows * columns, height, width), dtype=np.uint8)
    padded[:num_maps] = sheets
    sheet = padded.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, -1)
    return {
        "layer": layer,
        "kind": kind,
        "shape": list(array.shape),
        "least": least,
        "largest": largest,
        "columns": columns,
        "png": _png(sheet),
    }


def overlay(run: Run, pixels: Tensor, values: Tensor) -> str:
    """Return a map over an image: what the network sees of it in grey, orange where the map is high.

    Args:
        run: a finished run.
        pixels: C x H x W, uint8, of the run's form.
        values: h x w, at least 0, h and w the run's `crop_size`.

    Returns:
        A PNG in base64.
    """
    first = (run.image_size - run.crop_size) // 2
    window = pixels[:, first : first + run.crop_size, first : first + run.crop_size].float().mean(0).numpy()
    share = (values / values.max().clamp_min(1e-12)).numpy()[:, :, None]
    orange = np.array([255.0, 120.0, 0.0])
    blended = window[:, :, None] * (1 - 0.7 * share) + orange * 0.7 * share
    return _png(blended.astype(np.uint8), times=max(1, 224 // run.crop_size))


def _png(array: NDArray[np.uint8], *, times: int = 1) -> str:
    image = Image.fromarray(array)
    file = io.BytesIO()
    image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
