"""Forms that TensorFlow writes, in an environment of its own; see `in_tensorflow`."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from cnnlab import machine
from cnnlab.errors import CheckFailedError
from cnnlab.export.encoded import Answers, files_of
from cnnlab.export.forms import Measured, Source
from cnnlab.export.timing import Timing
from cnnlab.pictures import Pixels

PROGRAM = Path(__file__).with_name("in_tensorflow") / "build.py"
TIME_LIMIT = 1800.0
"""Seconds after which the program is ended."""
LONGEST_WORDS = 400
"""Characters of its last line that are shown, should it fail."""


class TensorFlowForm:
    """What both have in common: a program that runs where TensorFlow is."""

    name, ending, has_json_beside = "", "", False

    def __init__(self) -> None:
        self._python = str(machine.needed_tensorflow_python(f"--format {self.name}:"))

    def write(self, source: Source, path: Path, pixels: Pixels) -> Measured:
        """As `Form`; one start of TensorFlow does both, since it takes seconds."""
        with tempfile.TemporaryDirectory() as folder:
            put_spec(Path(folder), source, pixels)
            printed = self._run(Path(folder), path, source.threads)
            seconds = {int(size): value for size, value in json.loads(printed)["seconds"].items()}
            logits = np.load(Path(folder) / "logits.npy")
            return Measured(logits, Timing.of(seconds), self._answers(Path(folder)))

    def _answers(self, folder: Path) -> Answers | None:
        """Return what the program said of encoded files."""
        return None

    def _run(self, folder: Path, path: Path, threads: int) -> str:
        command = [self._python, str(PROGRAM), str(folder), str(path)]
        command += ["--form", self.name, "--threads", str(threads)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        environment.pop("PYTHONPATH", None)  # which is this environment's
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=TIME_LIMIT, env=environment
            )
        except subprocess.TimeoutExpired:
            raise CheckFailedError(f"TensorFlow took more than {TIME_LIMIT:.0f} s and was ended.") from None
        if done.returncode:
            words = (done.stderr.strip() or "it gave no message.").splitlines()[-1][-LONGEST_WORDS:]
            raise CheckFailedError(f"TensorFlow failed with exit code {done.returncode}: {words}")
        return done.stdout.strip().splitlines()[-1]


class SavedModelForm(TensorFlowForm):
    """A folder for TensorFlow and TensorFlow Serving, with signatures for images and for encoded files."""

    name, ending = "savedmodel", "-savedmodel"

    def _answers(self, folder: Path) -> Answers:
        with np.load(folder / "encoded.npz") as found:
            return Answers(found["class"].tolist(), found["probability"], found["probabilities"])


class LiteForm(TensorFlowForm):
    """A file for LiteRT, on phones and small boards."""

    name, ending, has_json_beside = "litert", ".tflite", True


def put_spec(folder: Path, source: Source, pixels: Pixels) -> None:
    """Write what the program reads; `pixels` are N x C x image_size x image_size."""
    graph = source.graph
    layers = [{**vars(layer), "weights": list(layer.weights)} for layer in graph.layers]
    spec = {"input": graph.input, "input_shape": graph.input_shape, "layers": layers}
    (folder / "graph.json").write_text(json.dumps(spec))
    (folder / "description.json").write_text(source.description.to_json(), encoding="utf-8")
    arrays = {
        f"{layer.name}.{name}": values for layer in graph.layers for name, values in layer.weights.items()
    }
    np.savez(folder / "weights.npz", **arrays)  # pyright: ignore[reportArgumentType]
    done = source.description.preparation
    first = (done.image_size - done.crop_size) // 2
    window = slice(first, first + done.crop_size)
    np.save(folder / "pixels.npy", pixels[:, :, window, window])
    (folder / "files").mkdir()
    for place, content in enumerate(files_of(pixels)):
        (folder / "files" / f"{place:04}.png").write_bytes(content)
