import pytest
import torch

from cnnlab.data import make_dataset
from cnnlab.errors import RunError
from cnnlab.evaluation import load_predictions, load_run, save_predictions, score


@pytest.fixture
def evaluated(make_run):
    folder = make_run()
    generator = torch.Generator().manual_seed(5)
    images = torch.randint(0, 256, (20, 1, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (20,), generator=generator)
    evaluation = score(
        load_run(folder.path), make_dataset("some", "test", images, labels, tuple("abcdefghij"))
    )
    save_predictions(folder, evaluation)
    return folder, evaluation


def test_predictions_come_back(evaluated):
    folder, evaluation = evaluated
    stored = load_predictions(folder)
    assert torch.equal(stored.labels, evaluation.labels) and stored.labels.dtype == torch.int64
    assert torch.equal(stored.probs, evaluation.probs) and stored.probs.dtype == torch.float32
    assert stored.class_names == evaluation.class_names
    assert stored.fingerprint == evaluation.fingerprint
    assert stored.is_correct.double().mean().item() == evaluation.scores["top1"]


def test_damaged_predictions_are_noticed(evaluated):
    folder, _ = evaluated
    content = bytearray(folder.predictions.read_bytes())
    content[-3] ^= 4
    folder.predictions.write_bytes(content)
    with pytest.raises(RunError, match=r"predictions\.safetensors: is damaged.*cnnlab evaluate"):
        load_predictions(folder)


def test_missing_predictions_say_how_to_get_them(make_run):
    with pytest.raises(RunError, match=r"predictions\.safetensors: is not there.*cnnlab evaluate"):
        load_predictions(make_run())
