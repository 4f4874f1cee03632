"""Update rules against TensorFlow's, for gradients from where eps rules to those of the faithful networks."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from golden_cases import GRAD_SCALES, LRS, gradients, rate_factor
from torch import nn

from cnnlab.config import OptimConfig
from cnnlab.training.optimizers import build_optimizer, set_lr

# Their name, their arguments in our words. TensorFlow 1's are the tutorials': rho 0.95 and eps 1e-8 are the
# defaults of its Adadelta, and eps 1e-8 of its Adam; Keras has 1e-7.
AS_THEIRS: dict[str, dict[str, Any]] = {
    "adadelta-v1": {"name": "adadelta", "rho": 0.95, "eps": 1e-8},
    "adadelta-keras": {"name": "adadelta", "rho": 0.95, "eps": 1e-7},
    "momentum-v1": {"name": "sgd", "momentum": 0.9},
    "nesterov-v1": {"name": "sgd", "momentum": 0.9, "nesterov": True},
}
ADAMS = {"adam-v1": 1e-8, "adam-keras": 1e-7}


class Weights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(gradients().shape[1:]))


def weights_after_each_step(
    settings: dict[str, Any], *, eps_at: Callable[[int], float] | None = None
) -> np.ndarray:
    """Return steps x scales x 4 weights; `eps_at` replaces eps by one that depends on the step, from 1."""
    model = Weights()
    lr = LRS[settings["name"]]
    optimizer = build_optimizer(OptimConfig(lr=lr, **settings), model)
    after = []
    for step, gradient in enumerate(gradients()):
        model.weight.grad = torch.from_numpy(gradient)
        set_lr(optimizer, lr * rate_factor(step))
        if eps_at is not None:
            optimizer.param_groups[0]["eps"] = eps_at(step + 1)
        optimizer.step()
        after.append(model.weight.detach().numpy().copy())
    return np.stack(after)


@pytest.mark.parametrize("key", AS_THEIRS)
def test_weights_after_each_step_are_tensorflows(key: str, stored: Callable, agree: Callable) -> None:
    ours, theirs = weights_after_each_step(AS_THEIRS[key]), stored("optimizers")[key]
    version = "Keras 3" if key.endswith("keras") else "TensorFlow 1"
    agree(f"{key.partition('-')[0]}, {version}'s: weights", ours, theirs, within=1e-5, axis=0)


def test_adadelta_needs_rho_and_eps_of_the_tutorials(stored: Callable, differ: Callable) -> None:
    theirs = stored("optimizers")["adadelta-v1"]
    for setting, between in [({"rho": 0.9}, (0.05, 2)), ({"eps": 1e-6}, (1, 1000))]:
        ours = weights_after_each_step(AS_THEIRS["adadelta-v1"] | setting)
        ((name, value),) = setting.items()
        differ(
            f"adadelta with `{name}` {value:g} for TensorFlow 1's: weights",
            ours,
            theirs,
            between=between,
            axis=0,
        )


def test_the_first_step_of_adadelta_is_as_long_for_any_gradient(stored: Callable) -> None:
    # lr * sqrt(eps) / sqrt((1 - rho) g^2 + eps) * g: 0.02 * 1e-4 / sqrt(0.05) where g is far above sqrt(eps)
    first = np.abs(stored("optimizers")["adadelta-v1"][0])
    large = first[np.array(GRAD_SCALES) >= 1]
    assert large == pytest.approx(np.full_like(large, 0.02 * 1e-4 / math.sqrt(0.05)), rel=1e-4)


@pytest.mark.parametrize("key", ADAMS)
def test_adam_is_tensorflows_once_eps_is_scaled_as_theirs(
    key: str, stored: Callable, agree: Callable
) -> None:
    # Kingma and Ba, arXiv:1412.6980, algorithm 1, adds eps to the root of the corrected second moment, as we
    # do; TensorFlow takes the order of the end of section 2 and adds it before the correction. Theirs is
    # ours with eps / sqrt(1 - beta2^t): 32 times as large at the first step, 1.05 times at the 2,302nd. That
    # they keep beta2^t in float32 costs 1 - beta2^t four digits in the first steps: hence 1e-4.
    eps = ADAMS[key]
    ours = weights_after_each_step({"name": "adam"}, eps_at=lambda step: eps / math.sqrt(1 - 0.999**step))
    version = "Keras 3" if key.endswith("keras") else "TensorFlow 1"
    agree(
        f"adam, {version}'s, its `eps` scaled as theirs: weights",
        ours,
        stored("optimizers")[key],
        within=1e-4,
        axis=0,
    )


@pytest.mark.parametrize(
    ("scale", "between"),
    [(1e-6, (0.1, 1)), (1e-4, (1e-3, 0.1)), (1e-2, (1e-5, 1e-3)), (1.0, (0, 1e-4))],
)
def test_adams_eps_matters_for_small_gradients_only(
    scale: float, between: tuple[float, float], stored: Callable, differ: Callable
) -> None:
    row = GRAD_SCALES.index(scale)
    ours, theirs = weights_after_each_step({"name": "adam", "eps": 1e-8}), stored("optimizers")["adam-v1"]
    what = f"adam with `eps` 1e-8 against TensorFlow 1's, gradients near {scale:g}: weights"
    differ(what, ours[:, row], theirs[:, row], between=between, axis=0)
