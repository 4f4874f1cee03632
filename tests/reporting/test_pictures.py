import subprocess
import sys
from types import SimpleNamespace

import pytest

from cnnlab.errors import RunError
from cnnlab.reporting import write_pictures


def test_both_pictures_land_in_the_folder(folder, test_images):
    write_pictures(folder, test_images)
    for name in ("curves.png", "predictions.png"):
        assert (folder.path / name).read_bytes().startswith(b"\x89PNG")
    assert not list(folder.path.glob(".*tmp"))


def test_other_images_are_refused(folder, test_images):
    others = SimpleNamespace(images=test_images.images.flip(0), fingerprint="g")
    with pytest.raises(RunError, match="evaluated on other test images"):
        write_pictures(folder, others)
    assert not (folder.path / "predictions.png").exists()


def test_a_run_without_answers_is_refused(folder):
    with pytest.raises(RunError, match="cnnlab evaluate"):
        write_pictures(folder, SimpleNamespace(images=None, fingerprint="f"))


def test_matplotlib_is_imported_only_to_draw():
    code = "import cnnlab.reporting, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
