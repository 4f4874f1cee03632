"""A network as a `.pt2` of `torch.export`, for programs that run torch; any batch size.

Reading a `.pt2` can run code that it holds. cnnlab therefore reads none, but for the gate, in the process
that has just written it.
"""

import copy
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cnnlab.evaluation import Run


def pt2_bytes(run: "Run") -> bytes:
    """Return the content of a file. What only helps in training steps aside while a network is traced."""
    network = copy.deepcopy(run.model).eval()
    network = network.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    images = torch.zeros(2, run.in_channels, run.crop_size, run.crop_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about torch
        program = torch.export.export(
            network, (images,), dynamic_shapes=({0: torch.export.Dim("N", min=1)},), strict=False
        )
        file = io.BytesIO()
        torch.export.save(program, file)
    return file.getvalue()


def own_pt2(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return the forward pass of a file that this process has just written; never call it with another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.export.load(path).module()

    @torch.inference_mode()
    def forward(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return module(torch.from_numpy(images)).numpy()

    return forward
