"""`cnnlab bench`."""

import json

import pytest

from cnnlab.bench import floor

TINY = ["--data", "digits", "--rounds", "2", "--steps", "1", "--threads", "1"]


@pytest.fixture(autouse=True)
def _small_matrices(monkeypatch):
    monkeypatch.setattr(floor, "SIZE", 64)


def test_a_table_and_json(run_cli):
    result = run_cli(
        "bench", "train", "convnet_mnist", "lenet5", *TINY, "--set", "data.image_size=14", "--plain"
    )
    assert result.code == 0
    assert "convnet_mnist" in result.out and "lenet5" in result.out and "times" in result.out
    assert "Matrix product" in result.out
    (values,) = json.loads(run_cli("bench", "train", "convnet_mnist", *TINY, "--json").out)
    assert values["images_per_s"] > 0 and values["times_plain"] is None and len(values["seconds"]) == 2


def test_layers_by_themselves(run_cli):
    arguments = ("bench", "train", "convnet_mnist", *TINY, "--layers")
    shown = run_cli(*arguments).out
    assert "features.conv2" in shown and "of the step" in shown and "rest" in shown
    (values,) = json.loads(run_cli(*arguments, "--json").out)
    assert values["layers"]["step_s"] > 0 and values["layers"]["parts"][-1]["name"] == "rest"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["convnet_mnist", "--rounds", "1"], "rounds: must be 2 to 10000. Received: 1."),
        (["convnet_mnist", "--steps", "0"], "steps: must be 1 to 10000. Received: 0."),
        (["convnet", "--data", "digits"], "Did you mean"),
    ],
)
def test_what_is_typed_wrong(run_cli, arguments, line):
    result = run_cli("bench", "train", *arguments)
    assert result.code == 2 and line in result.err
