"""Networks for the page, the page served and as a static folder, and a browser that notes what goes wrong."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "export"))  # for making exported files

from exported import export_to, make_run
from visits import Visit, briefly, serving

from cnnlab import lab
from cnnlab.evaluation import load_run
from cnnlab.page import has_runtime
from own_browser import open_browser


@pytest.fixture
def runtime() -> None:
    """Skip the test where the browser has nothing to compute with."""
    if not has_runtime():
        pytest.skip("needs ONNX Runtime Web: make page-runtime")


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the bundled digits, which makes mistakes."""
    out = tmp_path_factory.mktemp("page-digits")
    return Path(lab.train("convnet_fast", data="digits", steps=30, out=out, threads=1))


@pytest.fixture(scope="session")
def site(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of exported networks: for digits, with its gallery, and for colour, of random weights."""
    out = tmp_path_factory.mktemp("page-networks")
    with pytest.MonkeyPatch.context() as patch:
        briefly(patch)
        (row,) = lab.export(digits_run, gallery=True, out=out, threads=1).rows
    assert row.path is not None
    row.path.rename(out / "digits.onnx")
    (out / f"{row.path.stem}.gallery.json").rename(out / "digits.gallery.json")
    export_to(
        out / "photos.onnx", make_run(tmp_path_factory.mktemp("page-photos"), "resnet20", data="cifar10")
    )
    return out


@pytest.fixture(scope="session")
def mnist_file(shared_data: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of a network that knows digits drawn by hand, trained for some seconds."""
    root = shared_data("mnist")
    run = lab.train(
        "mnist-99", steps=150, out=tmp_path_factory.mktemp("page-mnist"), threads=1, root=root, test=False
    )
    return export_to(tmp_path_factory.mktemp("page-mnist") / "mnist.onnx", load_run(run))


@pytest.fixture(scope="session")
def answering(site: Path) -> Iterator[str]:
    """The address of a server whose page has nothing to compute with, as in a fresh checkout."""
    with serving(site / "digits.onnx", site / "photos.onnx", with_runtime=False) as address:
        yield address


@pytest.fixture(scope="session")
def computing(site: Path) -> Iterator[str]:
    """The address of a server whose page computes."""
    if not has_runtime():
        pytest.skip("needs ONNX Runtime Web: make page-runtime")
    with serving(site / "digits.onnx", site / "photos.onnx") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser, of one file of tests: its event loop runs until then, and others could start none."""
    with open_browser() as browser:
        yield browser


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """A function that opens an address in a fresh context; nothing may go wrong there."""
    visits: list[Visit] = []

    def open_page(address: str, **options: Any) -> Visit:
        visits.append(Visit(browser, address, **options))
        return visits[-1]

    yield open_page
    for one in visits:
        one.context.close()
        assert one.faults == []
