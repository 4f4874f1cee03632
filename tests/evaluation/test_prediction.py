import pytest
import torch

from cnnlab.errors import DataError, RunError
from cnnlab.evaluation import load_run, predict_probs, prediction
from cnnlab.models import create_model
from cnnlab.runs import load_weights, save_weights


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (24, 1, 28, 28), dtype=torch.uint8, generator=generator)


def test_probabilities_are_those_of_the_network(make_run, images):
    run = load_run(make_run().path)
    probs = predict_probs(run, images)
    assert probs.shape == (24, 10) and probs.dtype == torch.float32
    torch.testing.assert_close(probs.sum(1), torch.ones(24))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = create_model("convnet_mnist").eval()
    expected = model((images / 255 - 0.3) / 0.2).softmax(1)
    torch.testing.assert_close(probs, expected.detach(), rtol=1e-4, atol=1e-6)
    assert probs.std(0).max() > 1e-4  # the images do matter


@pytest.mark.parametrize("network", ["convnet_mnist", "lenet5", "resnet20"])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_batch_split_changes_nothing(make_run, images, network, batch_size, monkeypatch):
    run = load_run(make_run(network).path)
    whole = predict_probs(run, images)
    monkeypatch.setattr(prediction, "BATCH_SIZE", batch_size)
    assert (predict_probs(run, images) - whole).abs().max() < 1e-6


def test_no_images_no_answers(make_run):
    assert predict_probs(load_run(make_run().path), torch.empty(0, 1, 28, 28, dtype=torch.uint8)).shape == (
        0,
        10,
    )


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (2, 1, 32, 32), (2, 28, 28)])
def test_images_of_another_shape_are_refused(make_run, shape):
    run = load_run(make_run().path)
    with pytest.raises(DataError, match="takes images of 1 x 28 x 28"):
        predict_probs(run, torch.zeros(shape, dtype=torch.uint8))


def test_weights_that_are_no_numbers_are_noticed(make_run, images):
    folder = make_run()
    tensors, description = load_weights(folder.weights)
    first = next(name for name in tensors if name.endswith("weight"))
    tensors[first] = torch.full_like(tensors[first], float("nan"))
    save_weights(folder.weights, tensors, description)
    with pytest.raises(RunError, match="not a finite number"):
        predict_probs(load_run(folder.path), images)
