"""Exported networks over HTTP, without torch: FastAPI and uvicorn over ONNX Runtime.

What needs the extra `serve` is imported from its own files: `app`, `server`, ...
"""

from cnnlab.serving.limits import Limits

__all__ = ["Limits"]
