"""A map of images: what the last layer but one says of each, brought to two dimensions."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.data import images_per_pass
from cnnlab.errors import ConfigError
from cnnlab.evaluation import Run
from cnnlab.explain.inputs import network_inputs

Method = Literal["pca", "tsne"]
PERPLEXITY = 30.0  # of t-SNE: about how many neighbours count
MIN_IN_MAP, MAX_IN_MAP = 5, 1000


@torch.no_grad()
def penultimate(run: Run, images: Tensor) -> Tensor:
    """Return what the last dense layer is given of each image, N x D, float32.

    Args:
        run: a finished run.
        images: N x C x H x W, uint8, of the run's form.
    """
    head = getattr(run.model, "head", None)  # auxiliary heads, which come behind it, are not run
    part = head if isinstance(head, nn.Module) else run.model
    last = [layer for layer in part.modules() if isinstance(layer, nn.Linear)][-1]
    seen: list[Tensor] = []
    handle = last.register_forward_pre_hook(lambda _layer, inputs: seen.append(inputs[0]))
    try:
        for batch in images.split(images_per_pass(run.crop_size)):
            run.model(network_inputs(run, batch))
    finally:
        handle.remove()
    return torch.cat(seen).float()


def images_of_map(num_images: int) -> Tensor:
    """Return which images a map shows, N, int64: all, or 1,000 at equal distances.

    The first ones would not do: images of a folder lie class by class.
    """
    return torch.linspace(0, num_images - 1, min(num_images, MAX_IN_MAP), dtype=torch.float64).long()


def embed(values: Tensor, *, method: Method = "pca", seed: int = 0) -> np.ndarray:
    """Return a place in the plane for each image, N x 2, float64.

    Args:
        values: N x D, from `penultimate`.
        method: `pca`, the two directions of the largest variance; `tsne`, which keeps neighbours together and
            says nothing of distances between groups.
        seed: of t-SNE's start.

    Raises:
        ConfigError: there are too few images for a map.

    Source: van der Maaten and Hinton, JMLR 9, 2579-2605, 2008 (t-SNE); as scikit-learn computes both.
    """
    if len(values) < MIN_IN_MAP:
        raise ConfigError(f"A map of images needs at least {MIN_IN_MAP} of them. Received: {len(values)}.")
    numbers = values.double().numpy()
    if method == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
        return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(numbers)
    from sklearn.decomposition import PCA

    places = PCA(2, svd_solver="full").fit_transform(numbers)
    # A direction has no sign of its own: the largest value of each is made positive.
    return places * np.sign(places[np.abs(places).argmax(0), [0, 1]])
