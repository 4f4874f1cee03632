"""Stored arrays, and measuring how far cnnlab is from them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

FOLDER = Path(__file__).parent
Numbers = Tensor | NDArray[Any]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    # Sums in the same order everywhere, and no waiting for each other on a busy machine
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def stored() -> Callable[[str], dict[str, NDArray[Any]]]:
    """A function of a subject, such as `lrn`: it returns the arrays that TensorFlow computed, by name."""

    def read(subject: str) -> dict[str, NDArray[Any]]:
        with np.load(FOLDER / f"{subject}.npz") as arrays:
            return dict(arrays)

    return read


@pytest.fixture
def agree(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function that checks that two arrays agree, and leaves the figure to `scripts/correctness.py`.

    `what` ends with a colon and the quantity. The difference is relative to the largest value of `theirs`
    along `axis`, of all if not given.
    """

    def check(what: str, ours: Numbers, theirs: Numbers, *, within: float, axis: int | None = None) -> None:
        difference = relative_difference(ours, theirs, axis)
        request.node.user_properties.append(("agree", json.dumps([what, difference, within])))
        assert difference <= within, f"{what}: {difference:.1e}, more than {within:.0e}"

    return check


@pytest.fixture
def differ(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A function that checks that two arrays differ, in known measure; relative as for `agree`."""

    def check(
        what: str, ours: Numbers, theirs: Numbers, *, between: tuple[float, float], axis: int | None = None
    ) -> None:
        difference = relative_difference(ours, theirs, axis)
        request.node.user_properties.append(("differ", json.dumps([what, difference, between])))
        assert between[0] <= difference <= between[1], f"{what}: {difference:.1e}, not in {between}"

    return check


def relative_difference(ours: Numbers, theirs: Numbers, axis: int | None) -> float:
    """Return the largest difference as a share of the largest value; inf if anything is not finite."""
    mine, other = np.asarray(as_array(ours), float), np.asarray(as_array(theirs), float)
    assert mine.shape == other.shape, (mine.shape, other.shape)
    scale = np.abs(other).max(axis, keepdims=True)
    assert np.isfinite(scale).all() and (scale > 0).all(), "the stored array has no scale"
    return float(np.nan_to_num(np.abs(mine - other) / scale, nan=np.inf).max())


def as_array(numbers: Numbers) -> NDArray[Any]:
    return numbers.detach().numpy() if isinstance(numbers, Tensor) else numbers
