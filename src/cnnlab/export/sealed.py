"""The ONNX file that cnnlab writes and reads back: a graph, its description, and a sha256 sum over both.

Two entries are added to the model's metadata, as its last fields: `cnnlab`, the description, and
`cnnlab-sha256`, the sum of all bytes before it. So a damaged file is noticed, and any other ONNX runtime
reads it as before.

Nothing is given to a runtime before it has been looked at here: the graph consists of operators that networks
of this project have, with all weights inside; no functions, no loops or branches, no file that it names.
"""

import hashlib
import stat
from pathlib import Path

from cnnlab.errors import ExportError
from cnnlab.export.description import KEY, ExportDescription
from cnnlab.export.wire import read_fields, read_messages, read_text, write_field

SUM_KEY = f"{KEY}-sha256"
MAX_BYTES = 2**31 - 1
"""What Protocol Buffers hold at most."""

OPERATORS = frozenset(
    name
    for names in (
        ("Add", "BatchNormalization", "Concat", "Conv", "Flatten", "Gemm", "Pad", "Slice"),
        ("Div", "Mul", "Pow", "Sqrt"),  # of local response normalisation
        ("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"),
        ("Gelu", "Relu", "Sigmoid", "Tanh"),
        ("DequantizeLinear", "QuantizeLinear"),
    )
    for name in names
)

# Numbers of fields, from onnx.proto: of a model, graph, node, attribute, tensor and metadata entry.
_GRAPH, _METADATA, _TRAINING, _FUNCTIONS = 7, 14, 20, 25
_NODE, _INITIALIZER, _SPARSE_INITIALIZER = 1, 5, 15
_OP_TYPE, _ATTRIBUTE, _DOMAIN = 4, 5, 7
_TENSOR_VALUES, _GRAPH_VALUES, _SPARSE_VALUES = (5, 10), (6, 11), (22, 23)
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2


def seal(model: bytes, description: ExportDescription) -> bytes:
    """Return the content of a file: a serialised ONNX model without such metadata, and what is said of it."""
    content = model + _entry(KEY, description.to_json())
    return content + _entry(SUM_KEY, hashlib.sha256(content).hexdigest())


def read_sealed(path: Path) -> tuple[bytes, ExportDescription]:
    """Read a file that `seal` has made, and check it.

    Returns:
        Its content, and what it says of itself.

    Raises:
        ExportError: the file cannot be read, is damaged, or is not cnnlab's.
    """
    content = _read(path)
    try:
        description = _check(memoryview(content), path)
        _check_graph(memoryview(content), path)
    except ExportError:
        raise
    except ValueError as error:  # UnicodeDecodeError too
        raise ExportError(
            f"{path}: is damaged, or no ONNX file: {error}. Make one with: cnnlab export RUN"
        ) from None
    return content, description


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise ExportError(
                f"{path}: must be an ONNX file; a run folder becomes one with: cnnlab export {path}"
            )
        if status.st_size > MAX_BYTES:
            raise ExportError(
                f"{path}: an ONNX file has at most 2 GB. Received: {status.st_size / 1e9:.1f} GB."
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        raise ExportError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def _check(content: memoryview, path: Path) -> ExportDescription:
    """Check the sum, and return the description."""
    entries = {}
    last_start = 0
    for number, value, start in read_fields(content):
        last_start = start
        if number == _METADATA and not isinstance(value, int):
            entries[read_text(value, _ENTRY_KEY)] = (start, read_text(value, _ENTRY_VALUE))
    if KEY not in entries or SUM_KEY not in entries:
        raise ExportError(
            f"{path}: was not exported by cnnlab: its metadata do not say how images are prepared for it. "
            f"Make one with: cnnlab export RUN"
        )
    start, expected = entries[SUM_KEY]
    if start != last_start or hashlib.sha256(content[:start]).hexdigest() != expected:
        raise ExportError(
            f"{path}: is damaged or was changed: its content differs from its sha256 sum. Export it again."
        )
    return ExportDescription.from_json(entries[KEY][1])


def _check_graph(content: memoryview, path: Path) -> None:
    """Refuse whatever a network of this project does not consist of."""
    for number, value, _start in read_fields(content):
        if number in (_TRAINING, _FUNCTIONS):
            raise ExportError(f"{path}: must hold a graph alone, and holds functions or training steps.")
        if number == _GRAPH:
            if isinstance(value, int):
                raise ExportError(f"{path}: must hold a graph, and holds a number in its place.")
            _check_nodes(value, path)


def _check_nodes(graph: memoryview, path: Path) -> None:
    for number, value, _start in read_fields(graph):
        if number == _SPARSE_INITIALIZER:
            raise ExportError(f"{path}: must hold no sparse weights.")
        if number == _INITIALIZER and not isinstance(value, int):
            _check_tensor(value, path)
        if number != _NODE or isinstance(value, int):
            continue
        operator, domain = read_text(value, _OP_TYPE), read_text(value, _DOMAIN)
        if operator not in OPERATORS or domain not in ("", "ai.onnx"):
            name = f"{domain}.{operator}" if domain else operator
            raise ExportError(f"{path}: has an operator that no network of cnnlab has: {name[:80]!r}.")
        for attribute in read_messages(value, _ATTRIBUTE):
            for kind, inner, _start in read_fields(attribute):
                if kind in (*_GRAPH_VALUES, *_SPARSE_VALUES):
                    raise ExportError(f"{path}: has an operator with a graph of its own: {operator!r}.")
                if kind in _TENSOR_VALUES and not isinstance(inner, int):
                    _check_tensor(inner, path)


def _check_tensor(tensor: memoryview, path: Path) -> None:
    for number, value, _start in read_fields(tensor):
        if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
            raise ExportError(f"{path}: its weights lie in another file; they must be in this one.")


def _entry(key: str, value: str) -> bytes:
    return write_field(
        _METADATA, write_field(_ENTRY_KEY, key.encode()) + write_field(_ENTRY_VALUE, value.encode())
    )
