"""Learning from the hardest images of several batches."""

import pytest
import torch
from torch.nn import functional as F

from cnnlab.data import Batch
from cnnlab.errors import ConfigError
from cnnlab.training.batches import TrainingBatches
from cnnlab.training.candidates import batch_to_learn, hardest
from cnnlab.training.execution import choose_execution
from cnnlab.training.plan import make_plan
from tiny_training import plain_config, register_tiny_net, tiny_images, tiny_net

SELECTING = {"train__candidates": 3, "train__candidates_from": 0.25, "train__steps": 8}


@pytest.fixture(autouse=True)
def _tiny():
    register_tiny_net()


def test_the_largest_losses_are_kept_in_their_order():
    torch.manual_seed(0)
    model = tiny_net(dropout=0.9).train()
    images = torch.randn(20, 1, 8, 8).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (20,))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = hardest(Batch(images, labels), 6, model, choose_execution(plain_config()))
    assert model.training and all(torch.equal(v, before[name]) for name, v in model.state_dict().items())
    losses = F.cross_entropy(model.eval()(images), labels, reduction="none")
    chosen = losses.topk(6).indices.sort().values
    assert torch.equal(found.images, images[chosen]) and torch.equal(found.labels, labels[chosen])
    assert found.images.is_contiguous(memory_format=torch.channels_last)


def test_which_batches_a_step_looks_at():
    config = plain_config(**SELECTING)
    train = tiny_images("train")
    execution = choose_execution(config)
    plan = make_plan(config, len(train))
    batches = TrainingBatches(train, config, plan, execution)
    plain = TrainingBatches(train, plain_config(), make_plan(plain_config(), len(train)), execution)
    assert torch.equal(batches[1].images, plain[1].images)
    looked_at = batches[3]
    for place, number in enumerate((5, 6, 7)):
        part = slice(place * plan.batch_size, (place + 1) * plan.batch_size)
        assert torch.equal(looked_at.images[part], plain[number].images)
        assert torch.equal(looked_at.labels[part], plain[number].labels)
    model = tiny_net(num_classes=4).train()
    assert len(batch_to_learn(batches, 3, model, execution).labels) == plan.batch_size
    assert torch.equal(batch_to_learn(batches, 1, model, execution).images, plain[1].images)


@pytest.mark.parametrize("augment", [{}, {"data__augment__shift": 1.0}])
def test_several_batches_are_those_made_one_by_one(augment):
    train, execution = tiny_images("train"), choose_execution(plain_config())
    config = plain_config(**{**SELECTING, "train__steps": 20, **augment})
    plan, one_config = make_plan(config, len(train)), plain_config(train__steps=60, **augment)
    batches = TrainingBatches(train, config, plan, execution)
    singly = TrainingBatches(train, one_config, make_plan(one_config, len(train)), execution)
    across_epochs = 0
    for step in range(20):
        numbers, found = plan.batches_of(step), batches[step]
        assert torch.equal(found.images, torch.cat([singly[number].images for number in numbers]))
        assert torch.equal(found.labels, torch.cat([singly[number].labels for number in numbers]))
        across_epochs += plan.epoch_of(numbers[0]) != plan.epoch_of(numbers[-1])
    assert across_epochs > 0


def test_mixed_images_have_no_rank():
    with pytest.raises(ConfigError, match=r"^[^:]+: train\.candidates ranks whole images: leave out"):
        plain_config(train__candidates=2, data__augment__mixup=0.2)
