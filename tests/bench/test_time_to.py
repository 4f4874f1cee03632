"""Time to accuracy: figures by hand."""

from dataclasses import replace

import pytest

from cnnlab.bench import Sitting, TimeTo, time_table
from cnnlab.training import Execution

RESULT = TimeTo(
    name="some",
    goal=0.99,
    execution=Execution("cpu", "float32", 2, "A processor", "2.13.0"),
    split="test",
    num_images=10_000,
    load_seconds=0.5,
    compile_seconds=1.5,
    warm_up_seconds=0.25,
    sittings=(
        Sitting(100, 0.75, 2.0, 0.1, 0.991),
        Sitting(101, 0.75, 4.0, 0.1, 0.988),
        Sitting(102, 0.75, 3.0, 0.1, 0.992),
    ),
    peers={"other": ((8.0, 0.99), (12.0, 0.99), (15.0, 0.99))},
    top1_interval=(0.985, 0.995),
)


def test_figures_by_hand():
    assert RESULT.top1 == pytest.approx(0.99033, abs=1e-5) and RESULT.has_reached
    assert not replace(RESULT, goal=0.9904).has_reached
    assert RESULT.train_seconds == 3.0 and RESULT.all_seconds == 6.0
    assert RESULT.times("other") == 4.0  # of 4, 3 and 5
    values = RESULT.as_dict()
    assert values["seeds"][1] == {
        "seed": 101,
        "prepare_seconds": 0.75,
        "train_seconds": 4.0,
        "score_seconds": 0.1,
        "top1": 0.988,
    }
    assert values["peers"][0]["train_seconds"] == 12.0 and values["peers"][0]["times"] == 4.0


def test_table():
    header, (ours, other), notes = time_table(RESULT)
    assert dict(zip(header, ours, strict=True)) == {
        "what": "some",
        "seeds": "3",
        "top1": "99.03%",
        "training, s": "3.00",
        "range, s": "2.00 to 4.00",
        "times": "",
    }
    assert other == ["other", "1", "99.00%", "12.00", "8.00 to 15.00", "4.00"]
    assert notes[0] == "99.00% is reached: 99.03% (98.50% to 99.50%, 95 % over seeds) on 10,000 test images."
    assert "compiling 1.50 s (once per machine)" in notes[1] and "6.00 s in all" in notes[1]
    assert "99.04% is not reached" in time_table(replace(RESULT, goal=0.9904))[2][0]


def test_what_all_seeds_answer_together():
    result = replace(RESULT, together_top1=0.995, together_interval=(0.99, 0.998))
    what = "All 3 together, by the mean of their probabilities"
    assert time_table(result)[2][1] == f"{what}: 99.50% (99.00% to 99.80%, Wilson)."
    assert result.as_dict()["together_top1"] == 0.995 and RESULT.as_dict()["together_top1"] is None


def test_images_that_are_not_test_images_are_called_so():
    (first, second, _) = time_table(replace(RESULT, split="val", num_images=5_000))[2]
    assert first.endswith("on 5,000 validation images.") and "Scoring the validation images" in second
