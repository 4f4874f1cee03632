"""What the page is told of the networks that it may ask: `page/networks.json`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def networks_json(
    networks: Sequence[tuple[Path, str]], *, has_runtime: bool, has_server: bool, version: str
) -> bytes:
    """Return the list.

    Args:
        networks: the ONNX file of each, and the description that it carries, as JSON.
        has_runtime: the browser can compute by itself.
        has_server: `v1/predict` answers too.
        version: of cnnlab.
    """
    entries: list[dict[str, Any]] = [
        {
            "name": path.stem,
            "file": path.name,
            "bytes": path.stat().st_size,
            "gallery": gallery_beside(path).name if gallery_beside(path).is_file() else None,
            "description": json.loads(description),
        }
        for path, description in networks
    ]
    values = {"version": version, "runtime": has_runtime, "server": has_server, "networks": entries}
    return json.dumps(values, ensure_ascii=False).encode()


def gallery_beside(path: Path) -> Path:
    """Return where test images of an ONNX file lie, if there are some."""
    return path.with_name(f"{path.stem}.gallery.json")
