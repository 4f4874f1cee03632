"""Where and how to compute: device, precision and threads, chosen on purpose and recorded."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer

from cnnlab import machine
from cnnlab.config import RunConfig
from cnnlab.errors import MissingResourceError
from cnnlab.models import HasAuxiliaryHeads
from cnnlab.nn import Kernels, can_use_triton, load_kernels
from cnnlab.runs import precision_text
from cnnlab.threads import set_threads
from cnnlab.training.muon import Muon
from cnnlab.training.rounded_products import RoundedProducts

NO_KERNELS = Kernels(None, "none", "torch computes alone")

Precision = Literal["float32", "bf16"]
"""bf16 is autocast with float32 weights."""


@dataclass(frozen=True)
class Execution:
    """How the arithmetic of a run is done; another one gives other bits.

    Attributes:
        device: `cpu` or `cuda`.
        precision: `float32`, or `bf16` for autocast with float32 weights.
        threads: threads of the CPU.
        hardware: the processor's or the GPU's name.
        torch: the version of torch.
        kernels: what computes neighbouring layers in one pass, see `nn.load_kernels`; `none` for torch alone.
        compiled: by torch; no kernels of ours run then.
        emulated: bf16 on a processor without instructions for it: rounded alike, multiplied in float32.
    """

    device: Literal["cpu", "cuda"]
    precision: Precision
    threads: int
    hardware: str
    torch: str
    kernels: str = "none"
    compiled: bool = False
    emulated: bool = False

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Return the context for forward passes."""
        is_short = self.precision == "bf16"
        products = RoundedProducts() if self.emulated else nullcontext()
        with torch.autocast(self.device, torch.bfloat16, enabled=is_short), products:
            yield

    def prepare(self, network: nn.Module, optimizer: Optimizer) -> None:
        """Make a network and its optimizer compute so, in place.

        Where torch is to compile, it does so at the first step: the network and Muon's products. On a GPU a
        step's kernels are then recorded, and called all at once (CUDA graphs). Muon's products are in bf16 on
        a GPU that is to use it, as in its source; what a CPU would win by that has not been measured.
        """
        if isinstance(optimizer, Muon):
            is_short = self.device == "cuda" and self.precision == "bf16"
            optimizer.choose_products(torch.bfloat16 if is_short else None, compiled=self.compiled)
        if not self.compiled:
            return
        mode = "reduce-overhead" if self.device == "cuda" else "default"
        network.compile(mode=mode, dynamic=False)
        if isinstance(network, HasAuxiliaryHeads):
            with_aux = torch.compile(network.forward_with_aux, mode=mode, dynamic=False)
            network.forward_with_aux = with_aux  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def precision_text(self) -> str:
        """The precision for people: bf16 that is emulated says so."""
        return precision_text(self.as_dict())

    @property
    def arithmetic(self) -> Precision:
        """What products are computed in: the precision, but float32 where bf16 is emulated."""
        return "float32" if self.emulated else self.precision

    @property
    def summary(self) -> str:
        """Device, precision and threads in a few words."""
        place = f"{self.threads} thread{'s' if self.threads > 1 else ''}" if self.device == "cpu" else "GPU"
        return f"{self.precision_text}, {place}{', compiled by torch' if self.compiled else ''}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return asdict(self)


def choose_execution(config: RunConfig) -> Execution:
    """Choose what the config leaves open by asking the machine.

    Sets what holds for the whole process: torch's threads, cuDNN's determinism, how freed memory is kept.

    Raises:
        MissingResourceError: a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if config.device == "cuda" and not has_gpu:
        raise MissingResourceError(
            "device: cuda was asked for, but torch finds no GPU here. Use --device cpu."
        )
    device = "cuda" if has_gpu and config.device != "cpu" else "cpu"
    compiled = config.compile is True or (config.compile == "gpu" and device == "cuda" and can_use_triton())
    kernels = load_kernels() if device == "cpu" and not compiled else NO_KERNELS
    if device == "cuda":
        fast_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    else:
        fast_bf16 = machine.has_fast_bf16()
        machine.keep_freed_memory()
    precision = config.precision
    if precision == "auto":
        # Most convolutions have kernels in float32 alone: on AVX512-BF16 neither wins over all (LOG.md)
        precision = "bf16" if fast_bf16 and kernels.library is None else "float32"
    threads = config.threads or machine.default_threads()
    set_threads(threads)
    hardware = torch.cuda.get_device_name() if device == "cuda" else machine.cpu_name()
    # Torch cannot compile what changes its functions; it emulates bf16 itself then, slowly
    emulated = precision == "bf16" and not fast_bf16 and device == "cpu" and not compiled
    version = str(torch.__version__)
    return Execution(device, precision, threads, hardware, version, kernels.name, compiled, emulated)
