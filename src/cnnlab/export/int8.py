"""An ONNX model in int8: weights by channel, activations by the range they have on training images.

ONNX Runtime's static quantization. Weights take 7 bits, so that sums of two products fit into 16 bits on
processors without instructions for int8 (VNNI) too: one file gives the same answers everywhere.
"""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnlab.errors import MissingResourceError
from cnnlab.export.description import INPUT
from cnnlab.export.onnx_file import import_onnx
from cnnlab.export.session import send_nothing

if TYPE_CHECKING:
    from onnx import ModelProto

_BATCH = 32
QUANTIZED = ("Conv", "Gemm")


def quantized(model: "ModelProto", inputs: NDArray[np.float32]) -> "ModelProto":
    """Return the model in int8.

    Args:
        model: in float32, of `onnx_model`.
        inputs: N x C x H x W, normalised training images, to calibrate with.

    Raises:
        MissingResourceError: onnx or onnxruntime is not installed.
    """
    onnx = import_onnx()
    send_nothing()
    try:
        from onnxruntime.quantization import (
            CalibrationDataReader,
            QuantFormat,
            QuantType,
            quantize_static,
        )
    except ImportError:
        raise MissingResourceError(
            "--int8: needs onnxruntime, which is not installed. Get it with: pip install 'cnnlab[export]'"
        ) from None

    class Reader(CalibrationDataReader):
        """Hands out the images, batch by batch."""

        def __init__(self) -> None:
            self._batches: Iterator[NDArray[np.float32]] = iter(
                [inputs[start : start + _BATCH] for start in range(0, len(inputs), _BATCH)]
            )

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
            batch = next(self._batches, None)
            return None if batch is None else {INPUT: batch}

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises everybody to prepare the model, which needs nothing of that
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "int8.onnx"
            quantize_static(
                model,
                path,
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTIZED),
                # What normalises across channels is not a layer with weights, but exact sums of squares.
                nodes_to_exclude=[node.name for node in model.graph.node if node.name.endswith("_energy")],
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            return onnx.load(path)
    finally:
        root.setLevel(level)
