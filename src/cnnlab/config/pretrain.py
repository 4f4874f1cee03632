"""The section `[pretrain]`: what the convolutions learn from images alone, before the first label is seen."""

from typing import Annotated, Literal

from pydantic import Field

from cnnlab.config.sections import MAX_FLOAT32, Section


class PretrainConfig(Section):
    """Unsupervised pre-training of the convolutions, layer by layer, before the first step; off by default.

    It sees all images of the training part, without their labels and without augmentation, also where
    `data.train_size` keeps most of them from the training that follows.
    """

    method: Literal["none", "autoencoder", "rbm"] = "none"
    """`autoencoder`: each convolution learns to restore its input from a corrupted copy; `rbm`: each becomes
    a restricted Boltzmann machine, trained by contrastive divergence."""
    epochs: float = Field(default=1.0, gt=0.0, le=1e6)
    """Passes over the images, for each layer."""
    batch_size: int = Field(default=32, ge=1, le=1_000_000)
    """Images in one step."""
    lr: float = Field(default=2e-3, gt=0.0, le=MAX_FLOAT32)
    """Learning rate of the first step of each layer, for Adam; it falls to 0 along a cosine."""
    corruption: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.3
    """Share of a layer's input values that the auto-encoder does not see: they are set to the mean
    of their channel."""
    sparsity: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    """Share of the RBM's hidden units that shall be on, at most half of what can be: an eighth where pooling
    takes one of 2x2 units."""
