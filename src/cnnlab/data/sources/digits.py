"""`digits`: the 1,797 handwritten digits that come with scikit-learn, 8 x 8 pixels, no download.

They stay 8 x 8: enlarging them invents no information and costs 12 times the arithmetic. `image_size=28`
brings them to 28 x 28 for networks that need it.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, 1998 (its test part).
"""

import gzip
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.splits import seeded_keys, stratified_cut
from cnnlab.errors import MissingResourceError

CLASS_NAMES = tuple(str(label) for label in range(10))
NUM_TEST = 360
VAL_SIZE = 180

_NUM_IMAGES = 1797
_TOP_VALUE = 16  # a pixel counts the ink dots in a 4 x 4 cell


def read_digits(part: str) -> tuple[Tensor, Tensor]:
    """Return one part, `train` (1,437 images) or `test` (360 images, the same for ever).

    Returns:
        N x 1 x 8 x 8, uint8: the counts 0..16 as round(count * 255 / 16); and N labels, int64.

    Raises:
        MissingResourceError: scikit-learn's file is not there.
    """
    table = _read_table()
    counts, labels = table[:, :64], torch.from_numpy(table[:, 64].astype(np.int64))
    images = torch.from_numpy(np.rint(counts * (255 / _TOP_VALUE)).astype(np.uint8)).view(-1, 1, 8, 8)
    rest, test = stratified_cut(labels, NUM_TEST, seeded_keys(len(labels), seed=0, purpose="digits test"))
    chosen = test if part == "test" else rest
    return images[chosen], labels[chosen]


def _read_table() -> np.ndarray:
    """Read scikit-learn's file itself: importing `sklearn.datasets` for it takes over a second."""
    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise MissingResourceError("digits: come with scikit-learn, which is not installed.")
    path = Path(spec.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    try:
        packed = path.read_bytes()
        table = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",", dtype=np.uint8)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise MissingResourceError(
            f"digits: scikit-learn's digits cannot be read: {error}. Reinstall it."
        ) from None
    assert table.shape == (_NUM_IMAGES, 65), table.shape
    return table
