"""Exported networks over HTTP, without torch: FastAPI and uvicorn over ONNX Runtime.

What needs the extra `serve` is imported from its own files: `app`, `server`, ...
"""

from cnnlab.serving.limits import Limits

TOKEN_VARIABLE = "CNNLAB_SERVE_TOKEN"
"""The environment variable that may hold the token of clients."""

__all__ = ["TOKEN_VARIABLE", "Limits"]
