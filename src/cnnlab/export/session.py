"""A graph given to ONNX Runtime, once it has been checked; and whether it is what its description says."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnlab.errors import ExportError, MissingResourceError
from cnnlab.export.description import INPUT, OUTPUT, ExportDescription

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_ERRORS_ONLY = 3
"""Of what onnxruntime logs to standard error."""


def send_nothing() -> None:
    """Let onnxruntime not report to its maker; to be called before it is imported, which is when it looks."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def open_session(
    path: Path, content: bytes, description: ExportDescription, *, threads: int | None
) -> "InferenceSession":
    """Return a session on the processor.

    Args:
        path: of the file, for messages.
        content: what `sealed.read_sealed` has returned.
        description: likewise.
        threads: for one batch; as many as the machine has cores if None.

    Raises:
        ExportError: ONNX Runtime cannot read the graph, or it is not what the description says.
        MissingResourceError: onnxruntime is not installed.
    """
    send_nothing()
    try:
        import onnxruntime
    except ImportError:
        raise MissingResourceError(
            f"{path}: needs onnxruntime, which is not installed. Get it with: pip install 'cnnlab[export]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.inter_op_num_threads = 1
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class of its own for each of its codes
        reason = " ".join(str(error).split())[:200]
        raise ExportError(f"{path}: ONNX Runtime cannot read it: {reason}") from None
    _check_form(path, session, description)
    return session


def _check_form(path: Path, session: "InferenceSession", description: ExportDescription) -> None:
    """Refuse a graph that is not what the description says; raises ExportError."""
    done = description.preparation
    for kind, found, name, shape in (
        ("input", session.get_inputs(), INPUT, [done.in_channels, done.crop_size, done.crop_size]),
        ("output", session.get_outputs(), OUTPUT, [len(description.class_names)]),
    ):
        forms: list[tuple[str, str, list[Any]]] = [(one.name, one.type, list(one.shape)) for one in found]
        if [(form[0], form[1], form[2][1:]) for form in forms] != [(name, "tensor(float)", shape)]:
            shown = "; ".join(f"{form[0]} {form[1]} {form[2]}" for form in forms)[:200]
            wanted = " x ".join(map(str, ["N", *shape]))
            hint = f", one logit for each of its {shape[0]} class names" if kind == "output" else ""
            raise ExportError(
                f"{path}: its description and its graph do not fit together: the {kind} must be {name}, "
                f"{wanted}{hint}. Received: {shown}. Export it again."
            )
