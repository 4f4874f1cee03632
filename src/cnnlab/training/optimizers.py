"""Optimizers from config, and their state as named tensors."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, Adam, AdamW, Optimizer, RMSprop

from cnnlab.config import OptimConfig
from cnnlab.training.muon import Muon


def build_optimizer(config: OptimConfig, model: nn.Module) -> Optimizer:
    """Build the optimizer, with weight decay on weight matrices and kernels only unless `decay_all`.

    Biases and normalisation scales (parameters of one dimension) do not decay, as in arXiv:1812.01187,
    section 3.1 ("no bias decay").
    """
    groups = _groups(config, model)
    match config.name:
        case "muon":
            return Muon(
                groups,
                config.lr,
                muon_momentum=config.muon_momentum,
                momentum=config.momentum,
                nesterov=config.nesterov,
                renormalise=config.renormalise,
            )
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


def _groups(config: OptimConfig, model: nn.Module) -> list[dict[str, Any]]:
    """Return the parameters by what they have in common; without the kinds of which there are none."""
    head = {weight for part in _heads(model) for weight in _last_dense(part)}
    matrices = {p for p in model.parameters() if p.ndim > 1} - head
    vectors = [p for p in model.parameters() if p.ndim < 2]
    kinds = [
        ([p for p in model.parameters() if p in matrices], 1.0, True),
        ([p for p in model.parameters() if p in head], config.head_lr_factor, True),
        (vectors, config.vector_lr_factor, config.decay_all),
    ]
    if config.name != "muon":  # what is treated alike is one group
        merged: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for parameters, factor, decays in kinds:
            merged.setdefault((factor, decays), []).extend(parameters)
        kinds = [(parameters, factor, decays) for (factor, decays), parameters in merged.items()]
    return [
        {
            "params": parameters,
            "lr": config.lr * factor,
            "lr_factor": factor,
            "weight_decay": config.weight_decay if decays else 0.0,
            "is_orthogonal": config.name == "muon" and parameters[0] in matrices,
        }
        for parameters, factor, decays in kinds
        if parameters
    ]


def _heads(model: nn.Module) -> list[nn.Module]:
    """Return what turns maps into logits, auxiliary heads included; a whole network that has no such part."""
    auxiliary = getattr(model, "auxiliary", None)
    heads = list(auxiliary.values()) if isinstance(auxiliary, nn.ModuleDict) else []
    head = getattr(model, "head", None)
    return [*heads, head if isinstance(head, nn.Module) else model]


def _last_dense(part: nn.Module) -> list[Tensor]:
    """Return the weights of its last dense layer, if it has one."""
    return [layer.weight for layer in part.modules() if isinstance(layer, nn.Linear)][-1:]


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """Set the learning rate of the next update; groups with a factor of their own get that many times it."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("lr_factor", 1.0)


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
