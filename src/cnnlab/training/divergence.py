"""When numbers stop being finite: which layer was the first to leave them, and what to try."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.errors import DivergedError
from cnnlab.models import HasAuxiliaryHeads
from cnnlab.runs import RunFolder
from cnnlab.runs.checkpoint import list_checkpoints


def divergence(what: str, where: str, run: Path, *, step: int, lr: float) -> DivergedError:
    """Return the error for a run that has left the finite numbers.

    Args:
        what: what is not finite, such as `the loss is nan`.
        where: what was affected first.
        run: the run folder.
        step: the update (from 1) at which it was seen.
        lr: its learning rate.
    """
    return DivergedError(
        f"{run}: step {step}: {what} at a learning rate of {lr:g}; first affected: {where}. "
        f"{_kept(run)} Try a lower --lr, a warm-up (--set schedule.warmup=0.1) "
        "or --set optim.clip_norm=1."
    )


def bad_images(run: Path, *, step: int) -> DivergedError:
    """Return the error for a run whose images, as augmentation left them, are no finite numbers."""
    return DivergedError(
        f"{run}: step {step}: the images themselves are not finite numbers, after augmentation; no learning "
        f"rate is to blame. {_kept(run)} Try weaker settings of data.augment, or none."
    )


def _kept(run: Path) -> str:
    is_saved = bool(list_checkpoints(RunFolder(run).checkpoints))
    return "The last good checkpoint is kept." if is_saved else "No checkpoint had been saved yet."


def first_non_finite(tensors: dict[str, Tensor]) -> str | None:
    """Return the name of the first tensor that holds a number that is not finite."""
    return next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)


@torch.no_grad()
def first_affected_layer(model: nn.Module, images: Tensor, autocast: AbstractContextManager[Any]) -> str:
    """Name the first weight that is not finite, else the first layer in forward order whose output is not.

    Args:
        model: the network, with the weights and in the mode that gave numbers that are not finite.
        images: the batch that gave them, N x C x H x W.
        autocast: the context that they were computed in.
    """
    name = first_non_finite(dict(model.named_parameters()))
    if name is not None:
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
        with autocast:
            model.forward_with_aux(images) if isinstance(model, HasAuxiliaryHeads) else model(images)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else "the loss itself (all layers are finite)"
