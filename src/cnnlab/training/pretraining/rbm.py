"""A convolution as a restricted Boltzmann machine, trained by one step of contrastive divergence (CD-1).

Visible maps v are real numbers, hidden units h are binary, and with W * v the network's own convolution

    E(v, h) = 1/2 sum (v - c)^2 - sum h (W * v + b)

so that v given h is Gaussian, of unit variance, round c plus the transposed convolution of h. Hidden units
lie in blocks of which at most one is on (probabilistic max-pooling): given v, with I = W * v + b, unit i is
on with probability exp(I[i]) / (1 + the sum of exp(I[j]) over its block). A block is the square that the
network's pooling takes one value of; where nothing is pooled it is a single unit, and the probability the
sigmoid.

Deviations from the source
- The convolution is padded as in the network, where Lee et al. have hidden units inside the image alone.
- Images are normalised, not whitened; every layer takes the maps of the network itself below it, which has
  rectifiers and pooling in place of binary units. So every layer has Gaussian visible units, not the first
  alone, and maps are brought to unit variance by one factor.
- The imagined maps of CD-1 are the mean of v given h, not a sample (Hinton, 2010, section 3.2).
- Sparsity, as theirs, moves the hidden biases alone, and here nothing else moves them: with a weight of 1 the
  share of units that are on would cancel out of CD's own term. Steps are Adam's.

Sources: H. Lee et al., "Convolutional Deep Belief Networks for Scalable Unsupervised Learning of Hierarchical
Representations", ICML 2009, sections 3.2, 3.3 and 4.1; G. Hinton, "A Practical Guide to Training Restricted
Boltzmann Machines", 2010.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.training.pretraining.chain import Stage
from cnnlab.training.pretraining.tied import TiedConv, uniform_like

START_SCALE = 0.1
"""Factor of the network's starting weights: near 0 each unit is as likely on as its bias says."""


class ConvRBM(TiedConv):
    """The convolution of a stage as a convolutional RBM; see the file's docstring.

    Args:
        stage: the convolution and what follows it.
        mean: of the maps that it will see, one per input channel.
        sparsity: the share of hidden units that shall be on, on average over images and places.
    """

    def __init__(self, stage: Stage, mean: Tensor, *, sparsity: float) -> None:
        super().__init__(stage.conv, mean)
        self._block, self._sparsity = stage.block, min(sparsity, 0.5 / stage.block**2)
        self._is_sigmoid = isinstance(stage.activation, nn.Sigmoid)
        with torch.no_grad():
            self.weight.mul_(START_SCALE)
            # With this bias a unit is on as often as it shall be where W * (v - m) is 0.
            self.bias.fill_(math.log(self._sparsity / (1 - stage.block**2 * self._sparsity)))

    def set_gradients(self, maps: Tensor, generator: torch.Generator) -> None:
        """Fill the gradients of CD-1, per hidden unit of one filter, and of the sparsity.

        For a step down the gradient of W is minus (data's W-statistics less the imagination's), likewise of
        the visible biases; that of the hidden biases is by how much the share that is on passes `sparsity`.

        Args:
            maps: N x C x H x W.
            generator: draws the hidden units.
        """
        inputs = self.up(maps).float()
        probs = block_probs(inputs.detach(), self._block)
        with torch.no_grad():
            units = sample_blocks(probs, self._block, generator)
            imagined = self.down(units, maps.shape[2:]).float()
        imagined_inputs = self.up(imagined).float()
        imagined_probs = block_probs(imagined_inputs.detach(), self._block)
        num_places = probs.numel() / probs.shape[1]
        # Its gradient with the probabilities held fixed is the difference of the statistics.
        free_energies = (imagined_inputs * imagined_probs).sum() - (inputs * probs).sum()
        (free_energies / num_places).backward()
        self.visible_bias.grad = (imagined - maps).mean((0, 2, 3))
        self.bias.grad = probs.mean((0, 2, 3)) - self._sparsity

    def corrupt(self, maps: Tensor, generator: torch.Generator) -> Tensor:
        """Return the maps: nothing is taken from them."""
        return maps

    def restore(self, maps: Tensor) -> Tensor:
        """Return the mean of the maps given the probabilities of the hidden units given these maps."""
        probs = block_probs(self.up(maps).float(), self._block)
        return self.down(probs, maps.shape[2:])

    def network_bias(self) -> Tensor:
        """Return the bias of the network's convolution; for sigmoids that of the hidden units is in it.

        It keeps a binary unit off most of the time; a rectifier that had it would put out 0 nearly always.
        """
        return self.centring_bias() + self.bias if self._is_sigmoid else self.centring_bias()


def block_probs(inputs: Tensor, block: int) -> Tensor:
    """Return the probability of each hidden unit to be on, where at most one in a block is.

    Args:
        inputs: N x K x H x W; blocks at the right and lower edges may be cut.
        block: edge of a block.
    """
    if block == 1:
        return inputs.sigmoid()
    height, width = inputs.shape[2:]
    padded = F.pad(inputs, (0, -width % block, 0, -height % block), value=-math.inf)
    largest = torch.zeros_like(padded[:, :, ::block, ::block])  # a block that is all off has an input of 0
    for place in _places(block):
        largest = torch.maximum(largest, padded[place])
    total = (-largest).exp()
    for place in _places(block):
        total += padded[place].sub_(largest).exp_()
    for place in _places(block):
        padded[place].div_(total)
    return padded[:, :, :height, :width]


def sample_blocks(probs: Tensor, block: int, generator: torch.Generator) -> Tensor:
    """Draw hidden units, 0 or 1, N x K x H x W, from what `block_probs` gave: one number decides a block."""
    draws = uniform_like(probs[:, :, ::block, ::block], generator)
    below = torch.zeros_like(draws)  # probability of the places of the block that came before
    units = torch.zeros_like(probs)
    for place in _places(block):
        part = probs[place]
        height, width = part.shape[2:]
        low, draw = below[:, :, :height, :width], draws[:, :, :height, :width]
        units[place] = ((draw >= low) & (draw < low + part)).to(probs.dtype)
        low += part
    return units


def _places(block: int) -> list[tuple[slice, ...]]:
    """Return, for each place in a block, how to index that unit of all blocks, N x K x h x w."""
    every = slice(None)
    starts = range(block)
    return [
        (every, every, slice(row, None, block), slice(col, None, block)) for row in starts for col in starts
    ]
