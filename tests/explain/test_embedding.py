"""Images in the plane."""

import numpy as np
import pytest
import torch
from made_run import made_run, some_images
from torch import nn

from cnnlab.errors import ConfigError
from cnnlab.explain import embed, penultimate


def test_what_the_last_layer_is_given():
    head = {"flatten": nn.Flatten(), "fc1": nn.Linear(16, 5), "act": nn.ReLU(), "fc2": nn.Linear(5, 2)}
    run = made_run({"conv1": nn.Conv2d(1, 1, 1)}, head, size=4)
    images = some_images(7, 1, 4)
    values = penultimate(run, images)
    assert values.shape == (7, 5) and (values >= 0).all()
    torch.testing.assert_close(run.model.head.fc2(values), run.model(images / 255))


def test_principal_directions_by_hand():
    """Along (3, 4) the points spread most; then along (-4, 3)."""
    along, across = torch.tensor([-2.0, -1.0, 0.0, 0.5, 2.5]), torch.tensor([0.1, -0.2, 0.2, -0.2, 0.1])
    values = along[:, None] * torch.tensor([0.6, 0.8]) + across[:, None] * torch.tensor([-0.8, 0.6])
    places = embed(values + 5)
    assert np.allclose(places[:, 0], along, atol=0.1)
    assert np.allclose(np.abs(places[:, 1]), across.abs(), atol=0.1)


def test_the_same_place_every_time_and_groups_stay_together():
    generator = torch.Generator().manual_seed(0)
    groups = torch.cat([torch.randn(20, 8, generator=generator) + 12 * index for index in range(2)])
    for method in ("pca", "tsne"):
        places = embed(groups, method=method)
        assert np.array_equal(places, embed(groups, method=method))
        one, other = places[:20].mean(0), places[20:].mean(0)
        nearer = np.linalg.norm(places - one, axis=1) < np.linalg.norm(places - other, axis=1)
        assert nearer[:20].all() and not nearer[20:].any()


def test_too_few_images():
    with pytest.raises(ConfigError, match=r"needs at least 5 of them\. Received: 4\."):
        embed(torch.zeros(4, 3))
