"""Which pixels an answer rests on: four ways, each with its source.

All take a run, N images of its form (C x H x W each, uint8) and a class for each, and return N x h x w, h and
w the run's `crop_size`: one number, float32, for each pixel that the network sees.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.evaluation import Run
from cnnlab.explain.inputs import network_inputs, outputs_of

STEPS = 64  # of integrated gradients: the sum is then within 1 % or so of what it stands for
PATCHES = 7  # of occlusion, along a side


def saliency(run: Run, images: Tensor, classes: Tensor) -> Tensor:
    """Return the gradient of the class's logit: the largest over channels of its absolute value.

    Source: Simonyan, Vedaldi and Zisserman, arXiv:1312.6034, section 3.1.
    """
    return _gradient(run, network_inputs(run, images), classes).abs().amax(1)


def integrated_gradients(
    run: Run, images: Tensor, classes: Tensor, *, steps: int = STEPS
) -> tuple[Tensor, Tensor]:
    """Return what each pixel adds to the class's logit on the way from a black image, summed over channels.

    Positive where it speaks for the class, negative where against it.

    Returns:
        N x h x w; and for each image by how much their sum misses the logit's rise from the black image, as a
        share of that rise, which a larger `steps` makes smaller.

    Source: Sundararajan, Taly and Yan, arXiv:1703.01365, section 3; gradients at the middle of each step.
    """
    inputs = network_inputs(run, images)
    black = network_inputs(run, torch.zeros_like(images))
    total = torch.zeros_like(inputs)
    for step in range(steps):
        share = (step + 0.5) / steps
        total += _gradient(run, black + share * (inputs - black), classes)
    parts = ((inputs - black) * total / steps).sum(1)
    with torch.no_grad():
        chosen = [run.model(batch).gather(1, classes[:, None])[:, 0] for batch in (black, inputs)]
    rise = chosen[1] - chosen[0]
    missed = (parts.sum((1, 2)) - rise).abs() / rise.abs().clamp_min(1e-6)
    return parts, missed


def grad_cam(run: Run, images: Tensor, classes: Tensor) -> tuple[Tensor, str]:
    """Return where the last maps with more than one pixel speak for the class, enlarged to the image.

    Each map counts with the mean of the logit's gradient along it; what speaks against the class is cut to 0.

    Maps are those of a whole part of the network, such as an Inception module with all its branches or a
    stage with its shortcuts.

    Returns:
        N x h x w, at least 0; and the name of the part whose maps these are.

    Source: Selvaraju et al., arXiv:1610.02391, section 3.
    """
    features = run.model.get_submodule("features")
    layers = {f"features.{name}": part for name, part in features.named_children()}
    inputs = network_inputs(run, images).requires_grad_()
    with outputs_of(layers) as outputs:
        logits = run.model(inputs)
    name, maps = next(
        (name, maps) for name, maps in reversed(outputs.items()) if maps.dim() == 4 and maps[0, 0].numel() > 1
    )
    (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), maps)
    weights = gradient.mean((2, 3), keepdim=True)  # N x K x 1 x 1
    seen = (weights * maps.detach()).sum(1, keepdim=True).clamp_min(0.0)  # N x 1 x h' x w'
    size = (run.crop_size, run.crop_size)
    return F.interpolate(seen, size, mode="bilinear", align_corners=False)[:, 0], name


@torch.no_grad()
def occlusion(run: Run, images: Tensor, classes: Tensor, *, patches: int = PATCHES) -> Tensor:
    """Return by how much the class's probability falls when a grey square lies over a pixel.

    The square is of what the network takes as 0, the mean colour with the usual scale; it is a `patches`-th
    of the side wide and moves by half of that. A pixel's number is the mean over the squares that hide it.

    Source: Zeiler and Fergus, arXiv:1311.2901, section 4.2.
    """
    inputs = network_inputs(run, images)
    side = run.crop_size
    width = max(1, -(-side // patches))
    starts = sorted({*range(0, side - width + 1, max(1, width // 2)), side - width})
    whole = _probs(run.model, inputs, classes)
    total, count = torch.zeros(len(images), side, side), torch.zeros(side, side)
    for top in starts:
        for left in starts:
            place = (..., slice(top, top + width), slice(left, left + width))
            hidden = inputs.clone()
            hidden[place] = 0.0
            total[place] += (whole - _probs(run.model, hidden, classes))[:, None, None]
            count[place] += 1
    return total / count


def _gradient(run: Run, inputs: Tensor, classes: Tensor) -> Tensor:
    inputs = inputs.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(run.model(inputs).gather(1, classes[:, None]).sum(), inputs)
    return gradient


def _probs(model: nn.Module, inputs: Tensor, classes: Tensor) -> Tensor:
    return model(inputs).softmax(1).gather(1, classes[:, None])[:, 0]
