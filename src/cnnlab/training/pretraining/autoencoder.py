"""A convolution as a denoising auto-encoder: it learns to restore its input from a corrupted copy.

Encoder: the network's own convolution and activation. Decoder: the transposed convolution with the same
weights and a bias per input channel, without an activation.

Deviations from the sources
- Inputs of every layer are real numbers restored with the squared error; Vincent et al. take sigmoids and
  cross-entropy for values in [0, 1].
- Masked values take the mean of their channel: for images the mean grey, not black.
- Masci et al. put max-pooling into the encoder; here pooling comes after it, as in the network.

Sources: P. Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders", ICML 2008,
sections 2.2 and 2.3; J. Masci et al., "Stacked Convolutional Auto-Encoders for Hierarchical Feature
Extraction", ICANN 2011, sections 2.4 and 3.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from cnnlab.training.pretraining.chain import Stage
from cnnlab.training.pretraining.tied import TiedConv, uniform_like


class Autoencoder(TiedConv):
    """The convolution of a stage with its decoder; see the file's docstring.

    Args:
        stage: the convolution and what follows it.
        mean: of the maps that it will see, one per input channel.
        corruption: the share of values that is hidden from it.
    """

    def __init__(self, stage: Stage, mean: Tensor, *, corruption: float) -> None:
        super().__init__(stage.conv, mean)
        with torch.no_grad():
            # The network's own keep the scale on the way up; the way back sums over more channels.
            self.weight.mul_((stage.conv.in_channels / stage.conv.out_channels) ** 0.5)
        self._activation, self._corruption = stage.activation, corruption

    def set_gradients(self, maps: Tensor, generator: torch.Generator) -> None:
        """Fill the gradients of the mean squared error between the maps and what is restored of them.

        Args:
            maps: N x C x H x W.
            generator: draws the corruption.
        """
        restored = self.restore(self.corrupt(maps, generator))
        F.mse_loss(restored.float(), maps).backward()

    def corrupt(self, maps: Tensor, generator: torch.Generator) -> Tensor:
        """Return a copy in which a share `corruption` of the values, chosen at random, is the mean."""
        is_kept = uniform_like(maps, generator) >= self._corruption
        return torch.where(is_kept, maps, self.mean.view(1, -1, 1, 1))

    def restore(self, maps: Tensor) -> Tensor:
        """Return what the decoder makes of the code of these maps, N x C x H x W in and out."""
        return self.down(self._activation(self.up(maps)), maps.shape[2:])

    def network_bias(self) -> Tensor:
        """Return the bias of the network's convolution: the code is computed as before."""
        return self.bias + self.centring_bias()
