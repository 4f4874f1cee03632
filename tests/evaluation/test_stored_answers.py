"""Stored answers: those that are damaged, or of something else, are named and not used."""

import pytest
import torch

from cnnlab.config import RunConfig
from cnnlab.errors import RunError
from cnnlab.evaluation import Evaluation, load_predictions, save_predictions
from cnnlab.runs import RunFolder, load_weights, save_weights
from some_scores import some_scores

NAMES = ("a", "b", "c")


@pytest.fixture
def folder(tmp_path):
    """A run with 8 answers, 6 of them right."""
    config = RunConfig.from_dict({"model": {"name": "lenet5"}}, source="test")
    folder = RunFolder.create(tmp_path, config)
    labels = torch.zeros(8, dtype=torch.int64)
    probs = torch.tensor([[0.8, 0.1, 0.1]]).repeat(8, 1)
    probs[:2] = torch.tensor([0.1, 0.8, 0.1])
    evaluation = Evaluation("some", "test", "f", NAMES, labels, probs, some_scores(0.75, NAMES), 0.1)
    save_predictions(folder, evaluation)
    folder.evaluation = evaluation.as_dict()
    return folder


def test_what_was_saved_is_read(folder):
    stored = load_predictions(folder)
    assert stored.class_names == NAMES and int(stored.is_correct.sum()) == 6


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: {"labels": tensors["labels"], "probs": tensors["probs"] * float("nan")},
        lambda tensors: {"labels": tensors["labels"][:5], "probs": tensors["probs"]},
        lambda tensors: {"labels": tensors["labels"].float(), "probs": tensors["probs"]},
        lambda tensors: {"labels": tensors["labels"], "probs": tensors["probs"][:, :2].contiguous()},
        lambda tensors: {"labels": tensors["labels"], "probs": tensors["probs"] * 2},
        lambda tensors: {"labels": tensors["labels"] + 3, "probs": tensors["probs"]},
        lambda tensors: {"labels": tensors["labels"][:0], "probs": tensors["probs"][:0]},
        lambda tensors: {"labels": tensors["labels"]},
    ],
)
def test_answers_that_are_no_probabilities_are_damaged(folder, change):
    tensors, description = load_weights(folder.predictions)
    save_weights(folder.predictions, change(tensors), description)
    with pytest.raises(RunError, match=r"predictions\.safetensors: is damaged\. Remove eval\.json beside it"):
        load_predictions(folder)


@pytest.mark.parametrize(
    "values",
    [{"fingerprint": "g"}, {"num_images": 9}, {"class_names": ["a", "c", "b"]}, {"top1": 0.875}],
)
def test_answers_of_something_else_are_refused(folder, values):
    folder.evaluation = {**(folder.evaluation or {}), **values}
    with pytest.raises(RunError, match=r"does not hold the answers that eval\.json is about\. Remove eval"):
        load_predictions(folder)


def test_without_scores_the_remedy_does_not_speak_of_them(folder):
    (folder.path / "eval.json").unlink()
    folder.predictions.unlink()
    with pytest.raises(RunError, match=r"is not there\. Get it with: cnnlab evaluate ") as error:
        load_predictions(folder)
    assert "Remove" not in str(error.value)
