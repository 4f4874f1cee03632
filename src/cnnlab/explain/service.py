"""Explanations for a process that imports no torch: `python -m cnnlab.explain.service` over standard streams.

Each question and each answer is a JSON object behind its length: four bytes, the first counts most. After a
question follow the pixels of its image. The process ends where its standard input does.
"""

import json
import math
import os
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from cnnlab.errors import CnnlabError, did_you_mean
from cnnlab.evaluation import Run, load_run, predict_probs
from cnnlab.explain.attribution import grad_cam
from cnnlab.explain.sheet import map_of, overlay
from cnnlab.explain.steps import steps

_KEPT = 2
"""Runs that stay loaded; the one that was not asked for longest goes first."""


class NotThereError(Exception):
    """A question about something that is not there: its field, and what is wrong with it."""


def explain_pixels(run: Run, pixels: Tensor, *, method: str, label: str, layers: list[str]) -> dict[str, Any]:
    """Return what an answer rests on, or what layers make of an image, ready for JSON.

    Args:
        run: a finished run.
        pixels: C x H x W, uint8, of the run's form.
        method: `grad_cam` or `activations`.
        label: the class that Grad-CAM explains; the network's answer if empty.
        layers: whose activations are returned, by name; all `steps` if empty.

    Returns:
        `class_names`, `probs`, `label`, and `maps`, as `map_of` makes them; with Grad-CAM also its `overlay`,
        of a step its `inputs`.

    Raises:
        NotThereError: there is no such class or layer.
    """
    probs = predict_probs(run, pixels[None])[0]
    if label and label not in run.class_names:
        raise NotThereError(
            "label", f"There is no class {label[:80]!r}. {did_you_mean(label, run.class_names)}"
        )
    index = run.class_names.index(label) if label else int(probs.argmax())
    if method == "grad_cam":
        values, layer = grad_cam(run, pixels[None], torch.tensor([index]))
        kind = type(run.model.get_submodule(layer)).__name__
        maps = [map_of(layer, kind, values) | {"overlay": overlay(run, pixels, values[0])}]
    else:
        found = {output.name: output for output in steps(run, pixels)}
        for name in layers:
            if name not in found:
                raise NotThereError("layers", f"There is no layer {name[:80]!r}. {did_you_mean(name, found)}")
        chosen = [found[name] for name in layers or found]
        maps = [map_of(one.name, one.kind, one.values) | {"inputs": one.inputs} for one in chosen]
    return {
        "class_names": list(run.class_names),
        "probs": probs.tolist(),
        "label": run.class_names[index],
        "maps": maps,
    }


def _runs() -> Callable[[str], Run]:
    """Return a function that loads runs, and keeps a few."""
    kept: OrderedDict[str, Run] = OrderedDict()

    def find(path: str) -> Run:
        if path not in kept:
            kept[path] = load_run(Path(path))
        kept.move_to_end(path)
        while len(kept) > _KEPT:
            kept.popitem(last=False)
        return kept[path]

    return find


def _answer(question: dict[str, Any], pixels: bytes, find: Callable[[str], Run]) -> dict[str, Any]:
    try:
        run = find(question["run"])
        image = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).reshape(question["shape"])
        asked = {name: question[name] for name in ("method", "label", "layers")}
        return explain_pixels(run, image, **asked)
    except NotThereError as error:
        field, detail = error.args
        return {"field": field, "detail": detail}
    except CnnlabError as error:
        return {"field": "network", "detail": str(error)}


def serve_streams(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer questions until there are no more."""
    find = _runs()
    while header := source.read(4):
        question = json.loads(source.read(int.from_bytes(header, "big")))
        pixels = source.read(math.prod(question["shape"]))
        answer = json.dumps(_answer(question, pixels, find)).encode()
        sink.write(len(answer).to_bytes(4, "big") + answer)
        sink.flush()


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between answers
    serve_streams(sys.stdin.buffer, answers)
