"""Accuracies and differences over seeds, worked by hand."""

from pathlib import Path

import pytest

from cnnlab.config import RunConfig
from cnnlab.errors import RunError
from cnnlab.runs import RunFolder
from cnnlab.studies.paired import Gain, accuracy_of, accuracy_texts, gain_of, gain_texts
from some_scores import some_evaluation

T_2 = 4.302653
"""Student's t at 97.5 %, two degrees of freedom."""


def folder_of(out: Path, seed: int, top1: float, *, train: str = "t") -> RunFolder:
    folder = RunFolder.create(
        out, RunConfig.from_dict({"model": {"name": "lenet5"}, "seed": seed}, source="test")
    )
    folder.environment = {"data": {"train": {"name": "x", "num_images": 100, "fingerprint": train}}}
    folder.evaluation = {**some_evaluation(top1), "num_images": 1000}
    return folder


def group_of(out: Path, top1: list[float]) -> list[RunFolder]:
    return [folder_of(out, seed, one) for seed, one in enumerate(top1)]


def gain(out: Path, ours: list[float], theirs: list[float]) -> Gain:
    return gain_of(group_of(out, ours), group_of(out, theirs))


def test_a_gain_is_paired_over_seeds(tmp_path):
    """Differences 1, 2, 3 points: mean 2, deviation 1."""
    found = gain(tmp_path, [0.91, 0.94, 0.90], [0.90, 0.92, 0.87])
    assert found.difference == pytest.approx(0.02)
    half = T_2 * 0.01 / 3**0.5
    assert found.interval == pytest.approx((0.02 - half, 0.02 + half), rel=1e-5)
    assert found.p_value == pytest.approx(0.074180, abs=1e-5)  # of t = 2 * sqrt(3)
    assert found.verdict == "not told apart"
    assert gain_texts(found) == ["+2.00", "-0.48 to +4.48", "0.074", "not told apart"]


@pytest.mark.parametrize(("points", "verdict"), [((1, 1.1, 1.2), "better"), ((-1, -1.1, -1.2), "worse")])
def test_a_difference_that_is_larger_than_its_spread_has_a_verdict(tmp_path, points, verdict):
    theirs = [0.9, 0.92, 0.87]
    ours = [one + point / 100 for one, point in zip(theirs, points, strict=True)]
    assert gain(tmp_path, ours, theirs).verdict == verdict


def test_equal_differences_are_no_certainty(tmp_path):
    """Three seeds that differ by one image each: the spread is taken to be that of rounding."""
    theirs = [0.9, 0.92, 0.87]
    found = gain(tmp_path, [one + 0.001 for one in theirs], theirs)
    half = T_2 * 0.001 / 6**0.5 / 3**0.5
    assert found.interval == pytest.approx((0.001 - half, 0.001 + half), rel=1e-4)
    assert found.p_value is not None and 0.04 < found.p_value < 0.06


def test_one_seed_tells_a_difference_and_no_more(tmp_path):
    found = gain(tmp_path, [0.91], [0.9])
    assert found.difference == pytest.approx(0.01)
    assert found.interval is found.p_value is None and found.verdict == ""
    assert gain_texts(found) == ["+1.00", "", "", ""]
    accuracy = accuracy_of(group_of(tmp_path, [0.91]))
    assert accuracy.interval is None and accuracy_texts(accuracy) == ["91.00%", ""]


def test_an_accuracy_over_seeds(tmp_path):
    """0.90, 0.92, 0.94: deviation 2 points."""
    accuracy = accuracy_of(group_of(tmp_path, [0.90, 0.92, 0.94]))
    half = T_2 * 0.02 / 3**0.5
    assert accuracy.interval == pytest.approx((0.92 - half, 0.92 + half), rel=1e-5)
    assert (accuracy.num_images, accuracy.top1) == (1000, (0.90, 0.92, 0.94))
    assert accuracy_texts(accuracy) == ["92.00%", "87.03% to 96.97%"]


def test_no_accuracy_is_below_0_or_above_1(tmp_path):
    assert accuracy_of(group_of(tmp_path, [0.1, 0.9])).interval == (0.0, 1.0)


def test_without_a_gain_cells_are_empty():
    assert gain_texts(None) == ["", "", "", ""]


def test_runs_that_are_no_pairs_are_refused(tmp_path):
    one = folder_of(tmp_path, 0, 0.9)
    for other in (folder_of(tmp_path, 1, 0.9), folder_of(tmp_path, 0, 0.9, train="u")):
        with pytest.raises(RunError, match="its seed or its images are not those of"):
            gain_of([one], [other])
