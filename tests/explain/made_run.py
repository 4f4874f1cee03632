"""A run around a network made for a test; nothing of it lies on the disk."""

from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

from cnnlab.evaluation import Run
from cnnlab.models import create_model, model_info
from cnnlab.models.classifier import ImageClassifier
from cnnlab.runs import RunFolder


def made_run(features, head, *, size, channels=1, image_size=None, mean=0.0, std=1.0):
    """Return a run of two classes or more, as `load_run` would."""
    network = ImageClassifier(
        nn.Sequential(OrderedDict(features)), nn.Sequential(OrderedDict(head))
    ).requires_grad_(False)
    num_classes = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1].out_features
    return Run(
        folder=RunFolder(Path("some/run")),
        model=network.eval(),
        network="made",
        class_names=tuple("abcdefghij"[:num_classes]),
        in_channels=channels,
        image_size=image_size or size,
        crop_size=size,
        mean=(mean,) * channels,
        std=(std,) * channels,
        is_digits=False,
        description={},
    )


def linear_run(*, size=4, channels=1, num_classes=3, image_size=None, mean=0.5, std=0.25, seed=0):
    """Return a run whose logits are a linear function of the pixels, and its weights, classes x C x h x w.

    Its feature maps are the image itself, put through a convolution that changes nothing.
    """
    conv = nn.Conv2d(channels, channels, 1, bias=False)
    nn.init.dirac_(conv.weight)
    fc = nn.Linear(channels * size * size, num_classes)
    with torch.no_grad():
        fc.weight.copy_(torch.randn(fc.weight.shape, generator=torch.Generator().manual_seed(seed)))
        fc.bias.zero_()
    run = made_run(
        {"conv1": conv},
        {"flatten": nn.Flatten(), "fc": fc},
        size=size,
        channels=channels,
        image_size=image_size,
        mean=mean,
        std=std,
    )
    return run, fc.weight.detach().view(num_classes, channels, size, size)


def some_images(num, channels, size, *, seed=1):
    """Return images of noise, uint8."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (num, channels, size, size), generator=generator, dtype=torch.uint8)


def registry_run(name, *, channels, num_classes=10, seed=0, **args):
    """Return a run of a network of the registry at its own size, with starting weights."""
    info = model_info(name)
    torch.manual_seed(seed)
    network = create_model(
        name, in_channels=channels, num_classes=num_classes, image_size=info.image_size, **args
    )
    return Run(
        folder=RunFolder(Path("some/run")),
        model=network.requires_grad_(False).eval(),
        network=name,
        class_names=tuple("abcdefghij"[:num_classes]),
        in_channels=channels,
        image_size=info.image_size,
        crop_size=info.image_size,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        is_digits=False,
        description={},
    )
