"""How fast LRN is by itself, there and back: beside PyTorch's, and beside a copy of as many bytes.

    python scripts/lrn_speed.py

It takes a GPU if there is one. Its floor is memory: forward reads the maps and writes the result, the way
back reads maps and gradient and writes a gradient, five times the maps' bytes, where a copy moves two. On a
CPU this is LRN as a layer by itself; in the AlexNets it is a part of the kernel that also pools.
"""

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from torch import Tensor
from torch.nn import functional as F

from cnnlab.nn import local_response_norm

SIZE, ALPHA, BETA, K = 5, 1e-4, 0.75, 2.0  # of the AlexNet paper
PASSES, PASSES_OF_COPY = 5, 2  # over the maps
WARM_UP = 3


def main() -> None:
    """Print ratio and share as JSON, on one line."""
    args = arguments()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    maps = torch.randn(args.shape, device=device, dtype=getattr(torch, args.dtype))
    maps = maps.contiguous(memory_format=torch.channels_last).requires_grad_()
    grad = torch.randn_like(maps)
    ways = {
        "ours": lambda: there_and_back(
            lambda: local_response_norm(maps, SIZE, alpha=ALPHA, beta=BETA, k=K), maps, grad
        ),
        # PyTorch divides alpha by the size.
        "pytorch": lambda: there_and_back(
            lambda: F.local_response_norm(maps, SIZE, alpha=ALPHA * SIZE, beta=BETA, k=K), maps, grad
        ),
        "copy": lambda: grad.detach().clone(memory_format=torch.preserve_format),
    }
    seconds = {name: [] for name in ways}
    for turn in range(WARM_UP + args.rounds):
        for name, run in ways.items():  # in turns: a machine's speed drifts
            taken = timed(run, device)
            if turn >= WARM_UP:
                seconds[name].append(taken)
    ours, pytorch, copy = (median(seconds[name]) for name in ways)
    found = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "dtype": args.dtype,
        "shape": args.shape,
        "rounds": args.rounds,
        "ours_ms": 1e3 * ours,
        "pytorch_ms": 1e3 * pytorch,
        "times": median(b / a for a, b in zip(seconds["ours"], seconds["pytorch"], strict=True)),
        "share_of_copy_rate": (PASSES / ours) / (PASSES_OF_COPY / copy),
    }
    print(json.dumps(found))


def there_and_back(forward: Callable[[], Tensor], maps: Tensor, grad: Tensor) -> None:
    """Normalise, and take the gradient of the maps."""
    maps.grad = None
    forward().backward(grad)


def timed(run: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of a call, what it asks of a GPU included."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - start


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="LRN beside PyTorch's and beside a copy.")
    parser.add_argument("--shape", type=positive, nargs=4, help="N C H W")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--rounds", type=positive, default=20)
    args = parser.parse_args()
    # On a CPU the maps of `alexnet` at 128 images would take minutes.
    args.shape = args.shape or ([128, 96, 55, 55] if torch.cuda.is_available() else [32, 64, 28, 28])
    if args.dtype != "float32" and not torch.cuda.is_available():
        parser.error(f"--dtype: PyTorch normalises on a CPU in float32 alone. Received: {args.dtype}.")
    return args


def positive(text: str) -> int:
    """Read a whole number from 1 on; argparse says what else is wrong."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Received: {text}.")
    return number


if __name__ == "__main__":
    main()
