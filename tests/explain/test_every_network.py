"""Explanations of every network of the registry, grey and in colour; beside captum's where that is here."""

import pytest
import torch
from made_run import registry_run, some_images

from cnnlab.explain import (
    activations,
    first_filters,
    grad_cam,
    integrated_gradients,
    network_inputs,
    occlusion,
    penultimate,
    saliency,
    structure,
)
from cnnlab.models import list_models, model_info

ONE_OF_EACH = {name for name in list_models() if not name.startswith(("resnet", "preact_resnet"))}
ONE_OF_EACH |= {"resnet20", "preact_resnet20"}


def marked(name):
    is_quick = name in ONE_OF_EACH and not model_info(name).is_large
    return pytest.param(name, marks=() if is_quick else pytest.mark.slow)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [marked(name) for name in list_models()])
def test_every_way_to_ask_works(name, channels):
    size = model_info(name).image_size
    run = registry_run(name, channels=channels)
    images, classes = some_images(2, channels, size), torch.tensor([1, 0])
    seen, layer = grad_cam(run, images, classes)
    parts, _ = integrated_gradients(run, images, classes, steps=2)
    for values in (
        saliency(run, images, classes),
        parts,
        seen,
        occlusion(run, images, classes, patches=2),
    ):
        assert values.shape == (2, size, size) and values.isfinite().all()
    assert layer.startswith("features.") and (seen >= 0).all()
    layers = activations(run, images[0])
    assert layers[-1].values.shape == (len(run.class_names),)
    assert first_filters(run)[1].shape[1] == channels
    assert penultimate(run, images).shape[0] == 2
    shapes = [part.shape for part in structure(run.model, in_channels=channels, image_size=size)]
    assert shapes[-1] == (len(run.class_names),)


@pytest.mark.parametrize(
    ("name", "part", "num_maps"),
    [
        ("alexnet_mnist3", "dropout3", 256),
        ("convnet_cifar10", "group3", 256),
        ("googlenet_small", "inception5b", 512),  # its four branches side by side
        ("lenet5", "pool2", 16),
        ("preact_resnet20", "act2", 64),
        ("resnet20", "stage3", 64),
        pytest.param("googlenet", "inception5b", 1024, marks=pytest.mark.slow),
        pytest.param("resnet50", "stage4", 2048, marks=pytest.mark.slow),
    ],
)
def test_grad_cam_asks_for_whole_parts(name, part, num_maps):
    run = registry_run(name, channels=3)
    images, classes = some_images(2, 3, model_info(name).image_size), torch.tensor([1, 0])
    seen, layer = grad_cam(run, images, classes)
    assert layer == f"features.{part}"
    maps = []
    handle = run.model.get_submodule(layer).register_forward_hook(lambda _layer, _in, out: maps.append(out))
    logits = run.model(network_inputs(run, images).requires_grad_())
    handle.remove()
    assert maps[0].shape[1] == num_maps
    rises = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), maps[0])[0].mean((2, 3))
    by_hand = torch.einsum("nk,nkhw->nhw", rises, maps[0].detach()).clamp_min(0)
    scaled = torch.nn.functional.interpolate(by_hand[:, None], seen.shape[1:], mode="bilinear")[:, 0]
    assert scaled.norm() > 0 and float((seen - scaled).norm() / scaled.norm()) < 1e-4


def test_auxiliary_heads_are_not_asked():
    run = registry_run("googlenet_small", channels=1, aux=True)
    assert penultimate(run, some_images(2, 1, run.crop_size)).shape == (2, run.model.head.fc.in_features)


@pytest.mark.parametrize("name", ["lenet5", "alexnet_mnist3", "resnet20", "googlenet_small"])
class TestBesideCaptum:
    """The same questions to the same networks, asked by another program."""

    @pytest.fixture
    def attr(self):
        return pytest.importorskip("captum.attr", reason="needs captum: pip install captum")

    @pytest.fixture
    def asked(self, name):
        size, channels = model_info(name).image_size, model_info(name).in_channels
        run = registry_run(name, channels=channels)
        images, classes = some_images(3, channels, size), torch.tensor([2, 0, 7])
        return run, images, classes, network_inputs(run, images).detach()

    def test_saliency(self, attr, asked):
        run, images, classes, inputs = asked
        theirs = attr.Saliency(run.model).attribute(inputs.clone().requires_grad_(), target=classes)
        close(saliency(run, images, classes), theirs.amax(1))

    def test_integrated_gradients(self, attr, asked):
        run, images, classes, inputs = asked
        black = network_inputs(run, torch.zeros_like(images))
        method = attr.IntegratedGradients(run.model)
        options = {"baselines": black, "target": classes, "n_steps": 8, "method": "riemann_middle"}
        theirs = method.attribute(inputs.clone().requires_grad_(), **options)
        ours, _ = integrated_gradients(run, images, classes, steps=8)
        close(ours, theirs.sum(1).float())

    def test_grad_cam(self, attr, asked):
        run, images, classes, inputs = asked
        ours, layer = grad_cam(run, images, classes)
        method = attr.LayerGradCam(run.model, run.model.get_submodule(layer))
        theirs = method.attribute(inputs.clone().requires_grad_(), target=classes, relu_attributions=True)
        close(ours, attr.LayerAttribution.interpolate(theirs, ours.shape[1:], "bilinear")[:, 0])


def close(ours, theirs):
    """Agree but for rounding, by the length of the difference.

    Where two values of a pooling window are equal but for rounding, the gradient goes one way here and the
    other there; so it does at the bend of a ReLU. A few such places among many steps count little.
    """
    theirs = theirs.detach()
    assert theirs.norm() > 0
    assert float((ours - theirs).norm() / theirs.norm()) < 0.01
