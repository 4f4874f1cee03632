"""One run on its way through the gate: written, used, compared, and only then given a name."""

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.data import Dataset
from cnnlab.evaluation import StoredPredictions
from cnnlab.export import gate
from cnnlab.export.encoded import Answers, files_of, problem_of
from cnnlab.export.forms import Form, Int8Form, Logits, Measured, Source, logits_of
from cnnlab.export.gallery import gallery_of
from cnnlab.export.loading import load_export
from cnnlab.export.timing import Timing, time_batches
from cnnlab.export.unfinished import Unfinished
from cnnlab.page import gallery_beside, gallery_json
from cnnlab.pictures import Pixels
from cnnlab.runs.atomic import write_bytes

MOST_DROP_IMAGES = 10_000
"""Test images at most on which the accuracy of int8 is compared."""


@dataclass(frozen=True)
class ExportRow:
    """A network in one form.

    Attributes:
        run: name of the run folder.
        network: its name in the registry.
        form: `onnx`, `int8`, ..., or `run`, the network itself in PyTorch.
        path: of the file or folder; None of the network itself, and where it did not pass.
        num_bytes: its size.
        timing: on this machine.
        num_images: test images of the gate.
        top1: on them, as a fraction.
        largest_difference: of a logit from the network's; None for the network itself.
        drop: of top1 that int8 costs, as a fraction, on `num_drop_images`; None for other forms.
        num_drop_images: test images, 0 for other forms.
        problem: why it did not pass; empty if it did.
    """

    run: str
    network: str
    form: str
    path: Path | None
    num_bytes: int
    timing: Timing
    num_images: int
    top1: float
    largest_difference: float | None = None
    drop: float | None = None
    num_drop_images: int = 0
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON: bytes, seconds, fractions."""
        path = None if self.path is None else str(self.path)
        return {**vars(self), "path": path, "timing": vars(self.timing)}


class Exporter:
    """Exports one run, and compares with what its network answers.

    Args:
        source: the run.
        test: its test images.
        out: folder of the files, which are called as the run.

    Attributes:
        stored: the run's answers, and the images as they are before they are brought to size, N x C x H x W,
            uint8, in the order of the test images; where the page is to have some. None leaves it without.
    """

    def __init__(self, source: Source, test: Dataset, out: Path) -> None:
        self._source, self._test, self._out = source, test, out
        self._run = source.run
        self._name = self._run.folder.path.resolve().name
        self._pixels, self._labels = spread(test, gate.NUM_IMAGES)
        self._expected = logits_of(self._network, self._run.preparation, self._pixels)
        self.stored: tuple[StoredPredictions, Tensor] | None = None

    def into(self, out: Path) -> Self:
        """Return the same for another folder; what was computed is not computed again."""
        other = copy.copy(self)
        other._out = out
        return other

    def reference(self) -> ExportRow:
        """Return the figures of the network itself."""
        return self._row(
            form="run",
            path=None,
            num_bytes=self._run.folder.weights.stat().st_size,
            timing=time_batches(self._network, self._source.input_shape),
            top1=gate.top1_of(self._expected, self._labels),
        )

    def export(self, form: Form) -> ExportRow:
        """Write a form in float32, if it passes.

        Raises:
            MissingResourceError: the disk is full, or something that the form needs is not on this machine.
        """

        def judge(_path: Path, measured: Measured, parity: gate.Parity) -> dict[str, Any]:
            return {"problem": parity.problem or self._problem_of_files(measured.answers, parity.tolerance)}

        return self._export(form, judge)

    def export_int8(self, train: Dataset, *, allow_drop: bool) -> ExportRow:
        """Write int8, if it costs little.

        Args:
            train: the run's training images; ranges are taken from some of them.
            allow_drop: write it whatever it costs.
        """

        def judge(path: Path, _measured: Measured, _parity: gate.Parity) -> dict[str, Any]:
            pixels, labels = spread(self._test, MOST_DROP_IMAGES)
            exported = load_export(path, threads=self._source.threads)
            top1, own = (
                gate.top1_of(logits_of(forward, self._run.preparation, pixels), labels)
                for forward in (exported.logits, self._network)
            )
            drop, problem = own - top1, ""
            if drop > gate.LARGEST_DROP and not allow_drop:
                problem = (
                    f"it costs {100 * drop:.2f} points of accuracy on {len(labels):,} test images; "
                    f"{100 * gate.LARGEST_DROP} are allowed, and more with --allow-drop"
                )
            return {"drop": drop, "num_drop_images": len(labels), "problem": problem}

        return self._export(Int8Form(spread(train, Int8Form.num_images)[0]), judge)

    def write_gallery(self, path: Path, *, is_wanted: bool = True) -> None:
        """Write test images for the page beside an ONNX file.

        Where they are not wanted, or answers are not `stored`, those of an earlier export are removed.
        """
        if self.stored is None or not is_wanted:
            gallery_beside(path).unlink(missing_ok=True)
            return
        stored, originals = self.stored
        images = gallery_of(stored, self._test, originals, self._run.preparation, self._network)
        write_bytes(gallery_beside(path), gallery_json(images))

    def _export(self, form: Form, judge: Any) -> ExportRow:
        path = self._out / f"{self._name}{form.ending}"
        with Unfinished(path) as unfinished:
            measured = form.write(self._source, unfinished.path, self._pixels)
            parity = gate.compare(measured.logits, self._expected, self._labels)
            row = self._row(
                form=form.name,
                path=path,
                num_bytes=unfinished.num_bytes(),
                timing=measured.timing,
                top1=parity.top1,
                largest_difference=parity.largest_difference,
                **judge(unfinished.path, measured, parity),
            )
            if row.problem:
                return replace(row, path=None)
            unfinished.keep()
            if form.has_json_beside:
                text = self._source.description.to_json()
                write_bytes(path.with_name(f"{path.name}.json"), f"{text}\n".encode())
        return row

    def _problem_of_files(self, answers: Answers | None, tolerance: float) -> str:
        """Return what is wrong with answers to encoded files; empty if nothing is, or none are taken."""
        if answers is None:
            return ""
        run = self._run
        files = files_of(self._pixels)
        return problem_of(answers, files, run.preparation, run.class_names, self._network, tolerance)

    def _row(self, **values: Any) -> ExportRow:
        return ExportRow(run=self._name, network=self._run.network, num_images=len(self._labels), **values)

    @torch.inference_mode()
    def _network(self, inputs: NDArray[np.float32]) -> Logits:
        """Return what the run's network makes of normalised images, as `predict` does."""
        images = torch.from_numpy(inputs).contiguous(memory_format=torch.channels_last)
        return self._run.model(images).numpy()


def spread(dataset: Dataset, most: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Return so many images of a data set at most, evenly spread over it: a folder's come class by class.

    Returns:
        N x C x H x W, uint8, and N labels.
    """
    num_images = min(most, len(dataset))
    places = torch.arange(num_images) * len(dataset) // max(1, num_images)
    return dataset.images[places].numpy(), dataset.labels[places].numpy()
