"""When the loss is not a finite number: which layer was the first to leave the numbers, and what to try."""

from pathlib import Path

import torch
from torch import Tensor, nn

from cnnlab.errors import DivergedError


def explain_divergence(
    model: nn.Module, images: Tensor, *, step: int, lr: float, loss: float, folder: Path
) -> DivergedError:
    """Return the error for a loss that is NaN or infinite.

    Args:
        model: the network, with the weights that gave this loss.
        images: the batch that gave this loss, N x C x H x W.
        step: the update (from 1) that was about to be made.
        lr: its learning rate.
        loss: what the loss was.
        folder: the run folder, for the message.
    """
    where = first_affected_layer(model, images)
    return DivergedError(
        f"{folder}: step {step}: the loss is {loss} at a learning rate of {lr:g}; first affected: {where}. "
        "The last good checkpoint is kept. Try a lower --lr, a warm-up (--set schedule.warmup=0.1) "
        "or --set optim.clip_norm=1."
    )


@torch.no_grad()
def first_affected_layer(model: nn.Module, images: Tensor) -> str:
    """Name the first weight that is not finite, else the first layer in forward order whose output is not."""
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            return f"the weights {name!r}, which the last update made non-finite"
    found: list[str] = []

    def look(name: str):
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if not found and isinstance(output, Tensor) and not output.isfinite().all():
                found.append(f"the output of layer {name!r} ({type(module).__name__})")

        return hook

    leaves = [(name, module) for name, module in model.named_modules() if not any(module.children())]
    handles = [module.register_forward_hook(look(name)) for name, module in leaves]
    try:
        model(images)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else "the loss itself (all layers are finite)"
