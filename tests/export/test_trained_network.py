"""A network that has learned real digits passes the whole gate in every form, int8 too."""

import pytest

from cnnlab import lab
from cnnlab.export import timing


@pytest.mark.parametrize(
    ("formats", "int8"),
    [
        (["onnx", "pt2"], True),
        pytest.param(["savedmodel", "litert"], False, marks=pytest.mark.tensorflow),
    ],
)
def test_a_thousand_test_images_are_answered_as_by_the_network(
    formats, int8, shared_data, tmp_path, monkeypatch, tensorflow
):
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    monkeypatch.setattr(timing, "FEWEST", 1)
    root = shared_data("mnist")
    run = lab.train("mnist-99", steps=60, out=tmp_path / "runs", threads=1, root=root, test=False)
    result = lab.export(run, formats, int8=int8, out=tmp_path / "out", root=root, threads=1)
    assert not result.problems
    assert [row.form for row in result.rows] == [*formats, *(["int8"] if int8 else [])]
    (network,) = result.references
    assert network.top1 > 0.95
    for row in result.rows:
        assert row.num_images == 1000 and row.path.exists()
        if row.form == "int8":
            assert row.drop <= 0.005 and row.num_drop_images == 10_000
        else:
            assert row.largest_difference < 1e-4 and row.top1 == pytest.approx(network.top1, abs=0.001)
