"""Optimizers from config, and their state as named tensors."""

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, Adam, AdamW, Optimizer, RMSprop

from cnnlab.config import OptimConfig


def build_optimizer(config: OptimConfig, model: nn.Module) -> Optimizer:
    """Build the optimizer, with weight decay on weight matrices and kernels only unless `decay_all`.

    Biases and normalisation scales (parameters of one dimension) do not decay, as in arXiv:1812.01187,
    section 3.1 ("no bias decay").
    """
    named = dict(model.named_parameters())
    decayed = [p for p in named.values() if config.decay_all or p.ndim > 1]
    others = [p for p in named.values() if not (config.decay_all or p.ndim > 1)]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    match config.name:
        case "sgd":
            return SGD(groups, config.lr, momentum=config.momentum, nesterov=config.nesterov, fused=True)
        case "adam":
            return Adam(groups, config.lr, betas=(config.beta1, config.beta2), eps=config.eps, fused=True)
        case "adamw":
            return AdamW(groups, config.lr, betas=(config.beta1, config.beta2), eps=config.eps, fused=True)
        case "adadelta":
            return Adadelta(groups, config.lr, rho=config.rho, eps=config.eps)
        case "rmsprop":
            return RMSprop(groups, config.lr, alpha=config.rho, momentum=config.momentum, eps=config.eps)


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """Set the learning rate of the next update."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def optimizer_tensors(optimizer: Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """Return the optimizer's state by `parameter/quantity`, such as `conv1.weight/exp_avg`."""
    return {
        f"{name}/{quantity}": value
        for name, parameter in model.named_parameters()
        for quantity, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: Optimizer, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` returned."""
    parameters = dict(model.named_parameters())
    fused = {p for group in optimizer.param_groups if group.get("fused") for p in group["params"]}
    for key, saved in tensors.items():
        name, quantity = key.rsplit("/", 1)
        parameter = parameters[name]
        if saved.shape == parameter.shape and saved.ndim > 0:
            # Saved tensors are contiguous; fused updates want the parameter's own memory layout.
            value = torch.empty_like(parameter).copy_(saved)
        else:  # fused updates keep their counts beside the parameter, the others on the CPU
            value = saved.to(parameter.device if parameter in fused else "cpu", copy=True)
        optimizer.state[parameter][quantity] = value.detach()
