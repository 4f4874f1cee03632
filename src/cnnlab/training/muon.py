"""Muon: the momentum of a kernel, made orthogonal, is its update.

Source: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024, and the CIFAR-10
speed-runs by the same author, for three iterations and for kernels that keep their norm.

Parameters are updated by lists, one call for many, as torch's own optimizers do it.
"""
# What torch has for lists of tensors is not exported by name, and documented all the same.
# pyright: reportPrivateImportUsage=false

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

NUM_ITERATIONS = 3
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of x, x^3 and x^5: applied again and again, they bring every singular value from 0 to 1 near 1."""
MOST_SHAPES = 256
"""So many shapes of kernels are compiled in one process."""
SMALL = 64 * 576
"""Matrices of so many numbers are multiplied before a second thread has been told of it."""


class Muon(Optimizer):
    """Muon for kernels and matrices; stochastic gradient descent with Nesterov's momentum for the rest.

    Args:
        groups: each with `params`, `lr` and `weight_decay`, and with `is_orthogonal` where its parameters, of
            two or more dimensions, are Muon's. There weights decay apart from the gradient, as in adamw;
            elsewhere as an L2 penalty.
        lr: for groups that have none of their own.
        muon_momentum: of Muon's groups.
        momentum: of the others.
        nesterov: of the others.
        renormalise: bring each of Muon's kernels to the norm sqrt(its outputs) before its update.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        *,
        muon_momentum: float,
        momentum: float,
        nesterov: bool,
        renormalise: bool,
    ) -> None:
        self._momenta = {True: muon_momentum, False: momentum}
        self._nesterov, self._renormalise = nesterov, renormalise
        self._iterate: Callable[[Tensor], Tensor] = newton_schulz
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0, "is_orthogonal": False})

    def choose_products(self, dtype: torch.dtype | None, *, compiled: bool) -> None:
        """Choose how kernels are made orthogonal.

        Args:
            dtype: of the matrices that are multiplied; their own if None.
            compiled: by torch, once for each shape of a kernel, at the first step.
        """
        iterate = torch.compile(newton_schulz, dynamic=False) if compiled else newton_schulz

        def orthogonal_of(matrix: Tensor) -> Tensor:
            return iterate(matrix, dtype)

        def in_many_shapes(matrix: Tensor) -> Tensor:
            with torch._dynamo.config.patch(recompile_limit=MOST_SHAPES):  # 8 are too few for a deep network
                return iterate(matrix, dtype)

        self._iterate = in_many_shapes if compiled else orthogonal_of

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update every parameter that has a gradient."""
        assert closure is None, "the loop computes the loss itself"
        for group in self.param_groups:
            is_orthogonal, lr, decay = group["is_orthogonal"], group["lr"], group["weight_decay"]
            parameters: list[Tensor] = [one for one in group["params"] if one.grad is not None]
            if not parameters:
                continue
            gradients: list[Tensor] = [one.grad for one in parameters if one.grad is not None]
            if decay and not is_orthogonal:
                gradients = list(torch._foreach_add(gradients, parameters, alpha=decay))
            updates = self._accumulate(parameters, gradients, is_orthogonal)
            if is_orthogonal:
                if self._renormalise:
                    norms = torch._foreach_norm(parameters)
                    torch._foreach_clamp_min_(norms, 1e-12)
                    sizes = [len(one) ** 0.5 for one in parameters]
                    factors = [size / norm for size, norm in zip(sizes, norms, strict=True)]
                    torch._foreach_mul_(parameters, factors)
                if decay:
                    torch._foreach_mul_(parameters, 1.0 - lr * decay)
                updates = [
                    orthogonal(one.reshape(len(one), -1), self._iterate).view_as(one) for one in updates
                ]
            torch._foreach_sub_(parameters, updates, alpha=lr)

    def _accumulate(
        self, parameters: list[Tensor], gradients: list[Tensor], is_orthogonal: bool
    ) -> list[Tensor]:
        """Add gradients to the momenta; return what the parameters move along."""
        momentum = self._momenta[is_orthogonal]
        for parameter in parameters:
            if "momentum_buffer" not in self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        buffers = [self.state[parameter]["momentum_buffer"] for parameter in parameters]
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, gradients)
        if is_orthogonal or self._nesterov:
            return list(torch._foreach_add(gradients, buffers, alpha=momentum))
        return buffers


def orthogonal(matrix: Tensor, iterate: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Return about U V^T of a matrix U S V^T, by a few Newton-Schulz iterations; singular values 0.7 to 1.2.

    Args:
        matrix: rows x columns, float32.
        iterate: `newton_schulz`, which it is if not given, or another way to do that.
    """
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    with _threads_for(wide):
        wide = (iterate or newton_schulz)(wide)
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide


def newton_schulz(matrix: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Do what `orthogonal` does to a matrix of no more rows than columns.

    Args:
        matrix: rows x columns, float32.
        dtype: of the products; the matrix's own if None. The source has bf16.
    """
    wide = matrix / (matrix.norm() + 1e-7)  # no singular value is above 1
    wide = wide if dtype is None else wide.to(dtype)
    a, b, c = COEFFICIENTS
    for _ in range(NUM_ITERATIONS):
        squares = wide @ wide.T
        squares = torch.addmm(squares, squares, squares, beta=b, alpha=c)
        wide = torch.addmm(wide, squares, wide, beta=a)
    return wide.to(matrix.dtype)


@contextmanager
def _threads_for(matrix: Tensor) -> Iterator[None]:
    """Let one thread compute what is small; torch counts the threads of the whole process."""
    before = torch.get_num_threads()
    if before == 1 or matrix.numel() > SMALL or matrix.device.type != "cpu":
        yield
        return
    try:
        torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)
