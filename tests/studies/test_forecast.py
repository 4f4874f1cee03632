"""How long a study will take, by hand."""

import pytest

from cnnlab.data import load_data
from cnnlab.studies import forecast
from cnnlab.studies.forecast import TimeLeft, predict_seconds
from tiny_study import TwoLengths


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", image_size=14)


@pytest.fixture
def probed(monkeypatch):
    """Each step takes 2 s; returns the configs that were tried."""
    tried = []
    monkeypatch.setattr(forecast, "probe_seconds_per_step", lambda config, train: tried.append(config) or 2.0)
    return tried


def test_by_hand(tmp_path, digits, probed):
    runs = TwoLengths().runs(quick=False, seeds=1)
    # 360 test images and, every 2 steps and at the end, 180 of validation, in steps of 32, at a third
    short = 2 * (4 + (3 * 180 + 360) / 32 / 3)
    long = 2 * (4 + (3 * 180 + 360) / 32 / 3)  # its first four steps are those of the short one
    falling = 2 * (6 + (4 * 180 + 360) / 32 / 3)
    assert predict_seconds(runs, digits, tmp_path) == pytest.approx([short, long, falling])
    assert len(probed) == 1  # a step takes as long at any rate and in any run


def test_what_is_there_need_not_be_done(tmp_path, digits, probed, launch):
    first, *others = TwoLengths().runs(quick=False, seeds=1)
    whole = predict_seconds([first, *others], digits, tmp_path)
    launch(first.config, tmp_path, None)
    assert predict_seconds([first, *others], digits, tmp_path) == [0.0, *whole[1:]]


def test_another_batch_size_is_tried_by_itself(tmp_path, digits, probed):
    first, *others = TwoLengths().runs(quick=False, seeds=1)
    other = type(first)("other", "other", first.config.with_changes({"train.batch_size": 16}))
    predict_seconds([first, other, *others], digits, tmp_path)
    assert len(probed) == 2


def test_a_real_step_takes_some_time(digits):
    (config,) = {
        run.config.to_toml(): run.config for run in TwoLengths().runs(quick=True, seeds=1)[:1]
    }.values()
    assert 0 < forecast.probe_seconds_per_step(config, digits["train"]) < 60


def test_what_runs_have_taken_corrects_what_is_left():
    time_left = TimeLeft([10.0, 0.0, 20.0, 30.0])
    assert str(time_left) == "4 runs, 1 of them done before; about 1 min 0 s on this machine."
    assert time_left.seconds == 60
    time_left.done(0, 15.0)  # half as long again as predicted
    time_left.done(1, 1.0)  # was there before: says nothing of those that are trained
    assert time_left.seconds == pytest.approx(75)
    time_left.done(2, 15.0)
    assert time_left.seconds == pytest.approx(30)
    assert str(TimeLeft([0.0])) == "1 run, 1 of them done before."


def test_runs_side_by_side_take_less():
    time_left = TimeLeft([10.0, 20.0, 30.0], jobs=2)
    assert time_left.seconds == 30
    assert str(time_left) == "3 runs; about 30 s on this machine, 2 at once."
    time_left.done(1, 40.0)  # twice as long as predicted
    assert time_left.seconds == pytest.approx(2 * 40 / 2)


def test_a_run_that_somebody_else_has_done_says_nothing_of_the_others():
    time_left = TimeLeft([100.0, 50.0])
    time_left.done(0, 0.1)
    assert time_left.seconds == 50
