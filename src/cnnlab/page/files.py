"""The files of the page, by the names that a browser asks for."""

import json
import tomllib
from functools import cache
from pathlib import Path, PurePosixPath

from cnnlab.errors import MissingResourceError

LANGUAGES = ("en", "zh")

_HERE = Path(__file__).parent
WEB, RUNTIME_FOLDER = _HERE / "web", _HERE / "runtime"
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm", "LICENSE.onnxruntime")
"""Files of ONNX Runtime Web, and its licence; in `page/runtime/` for the browser."""

_POLICY = (
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",  # WebAssembly may be compiled; text may not become a program
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
)
SECURITY = {
    "Content-Security-Policy": "; ".join((*_POLICY, "frame-ancestors 'none'")),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Headers that a server sends with every file: nothing is loaded from elsewhere, and nothing goes there.

The page itself has the first of them too, for hosts that send none.
"""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
}


@cache
def page_files() -> dict[str, bytes]:
    """Return the page without its runtime and without networks: `index.html`, and what lies in `page/`."""
    files = {
        path.relative_to(WEB).as_posix(): path.read_bytes()
        for path in sorted(WEB.rglob("*"))
        if path.suffix in _TYPES
    }
    policy = "; ".join(_POLICY).encode()
    files["index.html"] = files["index.html"].replace(b"{policy}", policy)
    for lang in LANGUAGES:
        words = json.dumps(load_page_words(lang), ensure_ascii=False)
        files[f"page/words.{lang}.json"] = words.encode()
    return files


def load_page_words(lang: str) -> dict[str, dict[str, str]]:
    """Return the words of the page in a language, by section and name."""
    return tomllib.loads((_HERE / f"words.{lang}.toml").read_text(encoding="utf-8"))


def content_type(name: str) -> str:
    """Return the media type of a file by its name."""
    return _TYPES.get(PurePosixPath(name).suffix, "text/plain; charset=utf-8")


def has_runtime() -> bool:
    """Whether the browser can compute by itself."""
    return all((RUNTIME_FOLDER / name).is_file() for name in RUNTIME)


def needed_runtime(who: str) -> dict[str, Path]:
    """Return the runtime's files by the names that a browser asks for.

    Raises:
        MissingResourceError: they are not in this installation.
    """
    if not has_runtime():
        raise MissingResourceError(
            f"{who}: needs ONNX Runtime Web, which is not in this installation. Get it, in a checkout, with: "
            f"make page-runtime"
        )
    return {f"page/runtime/{name}": RUNTIME_FOLDER / name for name in RUNTIME}
