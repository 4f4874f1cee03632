"""The page to draw on as a static folder, with networks in it, for any host of files."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cnnlab.export.exporter import Exporter, ExportRow
from cnnlab.export.forms import OnnxForm, write_synced
from cnnlab.export.sealed import read_sealed
from cnnlab.export.unfinished import Unfinished
from cnnlab.page import needed_runtime, networks_json, page_files

NETWORKS = Path("page", "networks")


class WebForm(OnnxForm):
    """The ONNX file of a network, in the folder of the page."""

    name = "web"

    def __init__(self) -> None:
        self.runtime = needed_runtime("--format web")


class WebFolder:
    """A page in the making: networks are added, and it gets its name when all of it is there.

    Args:
        path: of the folder; an earlier one is replaced as a whole.
        form: of the networks in it.
        version: of cnnlab.
    """

    def __init__(self, path: Path, form: WebForm, version: str) -> None:
        self._path, self._form, self._version = path, form, version
        self._unfinished = Unfinished(path)

    def __enter__(self) -> "WebFolder":
        self._unfinished.__enter__()
        self._unfinished.refuse_others({Path(name).parts[0] for name in page_files()})
        (self._unfinished.path / NETWORKS).mkdir(parents=True)
        return self

    def __exit__(self, *error: object) -> bool | None:
        return self._unfinished.__exit__(*error)  # pyright: ignore[reportArgumentType]

    def add(self, exporter: Exporter) -> ExportRow:
        """Write a run's network, if it passes, and its gallery."""
        folder = self._unfinished.path / NETWORKS
        row = exporter.into(folder).export(self._form)
        if row.path is None:
            return row
        exporter.write_gallery(row.path)
        return replace(row, path=self._path / NETWORKS / row.path.name)

    def keep(self, rows: Sequence[ExportRow]) -> None:
        """Write the page around the networks that passed, and give it its name; none leaves no page."""
        folder = self._unfinished.path
        paths = [folder / NETWORKS / row.path.name for row in rows if row.path is not None]
        if not paths:
            return
        for name, content in page_files().items():
            _write(folder / name, content)
        for name, source in self._form.runtime.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
        networks = [(path, read_sealed(path)[1].to_json()) for path in paths]
        listed = networks_json(networks, has_runtime=True, version=self._version)
        _write(folder / "page" / "networks.json", listed)
        self._unfinished.keep()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_synced(path, content)
