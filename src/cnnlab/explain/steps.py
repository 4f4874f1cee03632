"""What each step of a network makes of an image: its layers, run by run, and where branches meet."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnlab.evaluation import Run
from cnnlab.explain.activations import LayerOutput, layers_of
from cnnlab.explain.inputs import network_inputs

_MEETINGS = {torch.Tensor.add: ("add", "Add"), torch.cat: ("cat", "Concat")}
"""No layers: sums with a shortcut, and branches side by side; the names are those of torch's tracer."""


@dataclass(frozen=True)
class Step(LayerOutput):
    """What one step makes of one image.

    Attributes:
        inputs: the steps whose output it takes as it is; the image, and views of an output, are none.
    """

    inputs: tuple[str, ...]


@torch.no_grad()
def steps(run: Run, image: Tensor) -> list[Step]:
    """Return what layers put out, as `activations` does, and what is made where branches meet.

    They come in the order in which they run; what runs more than once is there as often, as `NAME`, `NAME_1`
    and so on. Sums are called `add`, `add_1`, ..., maps put side by side `cat`, `cat_1`, ... These are
    the names in the run's exported ONNX file too; but its last step is called `logits`, and batch norm behind
    a convolution is part of that convolution's weights there.

    Args:
        run: a finished run.
        image: C x H x W, uint8, of the run's form.

    Raises:
        DataError: the image is of another shape.
    """
    inputs = network_inputs(run, image[None])
    recorder = _Recorder()
    handles = [
        handle for name, layer in layers_of(run.model).items() for handle in recorder.watch(name, layer)
    ]
    try:
        with recorder:
            run.model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return recorder.found


class _Recorder(TorchFunctionMode):
    """Notes what layers put out, and what is added or joined between them, but not within them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Step] = []
        self._times: Counter[str] = Counter()
        self._depth = 0
        self._names: dict[int, str] = {}
        self._outputs: list[Tensor] = []  # kept, so that no other tensor gets the id of one

    def watch(self, name: str, layer: nn.Module) -> list[Any]:
        def enter(*_: object) -> None:
            self._depth += 1

        def leave(_layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            self._depth -= 1
            self._note(name, type(layer).__name__, inputs, output)

        return [layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave)]

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if self._depth == 0 and func in _MEETINGS:
            self._note(*_MEETINGS[func], args[0] if func is torch.cat else args, made)
        return made

    def _note(self, name: str, kind: str, inputs: Iterable[Any], output: Tensor) -> None:
        times = self._times[name]
        self._times[name] += 1
        name = f"{name}_{times}" if times else name
        taken = tuple(self._names[id(one)] for one in inputs if id(one) in self._names)
        self.found.append(Step(name, kind, output[0].float().cpu(), taken))
        self._names[id(output)] = name
        self._outputs.append(output)
