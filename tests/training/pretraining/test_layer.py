import pytest
import torch

from cnnlab.data import channel_stats
from cnnlab.models import create_model
from cnnlab.training.execution import choose_execution
from cnnlab.training.pretraining.chain import stages_of
from cnnlab.training.pretraining.layer import LayerInput, Restored, learn, make_learner, put_into, restore
from cnnlab.training.pretraining.unlabelled import UnlabelledImages
from tiny_chain import chain_config
from tiny_training import tiny_images

CONFIG = chain_config()
METHODS = ["autoencoder", "rbm"]


@pytest.fixture
def images():
    train = tiny_images("train")
    mean, std = channel_stats(train)
    return UnlabelledImages(train, CONFIG.data, choose_execution(CONFIG), seed=0, mean=mean, std=std)


@pytest.fixture
def stages():
    torch.manual_seed(0)
    return stages_of("tiny_chain", create_model("tiny_chain", num_classes=4).eval().features)


def test_a_layer_takes_what_the_layers_below_put_out_at_a_variance_of_1(images, stages):
    maps = LayerInput(stages[:1], images, choose_execution(CONFIG))
    shown = images.sample(10)
    torch.testing.assert_close(maps(shown) * maps.scale, stages[0].forward(shown))
    every = maps(images.sample(200))
    torch.testing.assert_close(every.mean((0, 2, 3)), maps.mean)
    deviations = every - maps.mean.view(1, -1, 1, 1)
    assert deviations.square().mean().item() == pytest.approx(1.0, rel=1e-4)


def test_the_first_layer_takes_the_images(images):
    maps = LayerInput([], images, choose_execution(CONFIG))
    assert torch.equal(maps.probe, images.sample(200))


def test_the_error_is_a_share_of_the_variance():
    originals = torch.tensor([0.0, 2.0, 10.0, 14.0]).view(2, 2, 1, 1)  # two channels: 0, 10 and 2, 14
    means = torch.tensor([5.0, 8.0]).view(1, 2, 1, 1).expand(2, 2, 1, 1)
    assert Restored(originals, originals, means).error == 1.0
    assert Restored(originals, originals, originals).error == 0.0
    off_by_1 = Restored(originals, originals, originals + 1)
    assert off_by_1.error == pytest.approx(1 / ((25 + 36) / 2))
    black = torch.zeros(2, 2, 1, 1)
    assert Restored(black, black, black).error == 0.0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layer", [0, 1])
def test_learning_restores_better_and_depends_on_seed_alone(images, stages, method, layer):
    execution = choose_execution(CONFIG)
    maps = LayerInput(stages[:layer], images, execution)

    def learnt(seed: int):
        config = chain_config(pretrain__method=method, pretrain__epochs=15, pretrain__lr=0.01, seed=seed)
        learner = make_learner(config, stages[layer], maps)
        generator = torch.Generator()
        before = restore(learner, maps(images.sample(72)), execution, generator.manual_seed(0)).error
        learn(learner, maps, images, config, execution, before_step=lambda: None)
        after = restore(learner, maps(images.sample(72)), execution, generator.manual_seed(0)).error
        return learner.weight.detach(), before, after

    weight, before, after = learnt(0)
    assert after < 0.9 * before
    assert torch.equal(learnt(0)[0], weight) and not torch.equal(learnt(1)[0], weight)


@pytest.mark.parametrize("method", METHODS)
def test_before_each_step_it_may_be_stopped(images, stages, method):
    execution = choose_execution(CONFIG)
    maps = LayerInput([], images, execution)
    config = chain_config(pretrain__method=method)
    learner = make_learner(config, stages[0], maps)
    calls = []

    def stop_at_third() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(learner, maps, images, config, execution, before_step=stop_at_third)
    assert len(calls) == 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layer", [0, 1])
def test_the_network_gets_what_was_learnt(images, stages, method, layer):
    """On the layer's own input the convolution gives what the learner gives on the input brought to scale,
    times one number; behind a rectifier that number keeps the strength of the starting weights."""
    stage = stages[layer]
    maps = LayerInput(stages[:layer], images, choose_execution(CONFIG))
    learner = make_learner(chain_config(pretrain__method=method), stage, maps)
    with torch.no_grad():
        learner.weight.copy_(torch.randn(learner.weight.shape))
        learner.bias.copy_(torch.randn(learner.bias.shape))
        before = stage.activation(stage.conv(maps.probe)).square().mean()
        put_into(stage, learner, maps)
        found = stage.conv(maps.probe)
        expected = learner.up(maps.probe / maps.scale)
        if method == "rbm":
            expected -= learner.bias.view(1, -1, 1, 1)
        factor = float(stage.conv.weight.norm() / learner.weight.norm() * maps.scale)
        torch.testing.assert_close(found, expected * factor, atol=1e-4, rtol=1e-4)
        if layer == 0:
            torch.testing.assert_close(stage.activation(found).square().mean(), before)
        else:  # tanh
            assert factor == pytest.approx(1.0, rel=1e-5)
