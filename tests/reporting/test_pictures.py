import subprocess
import sys
from types import SimpleNamespace

import pytest

from cnnlab.errors import RunError
from cnnlab.reporting import pictures, write_curves, write_samples
from cnnlab.reporting.canvas import run_title


def test_both_pictures_land_in_the_folder(folder, test_images):
    write_curves(folder)
    write_samples(folder, test_images)
    for name in ("curves.png", "predictions.png"):
        assert (folder.path / name).read_bytes().startswith(b"\x89PNG")
    assert not list(folder.path.glob(".*tmp"))


def test_curves_need_no_answers(folder):
    write_curves(folder)
    assert [path.name for path in folder.path.glob("*.png")] == ["curves.png"]


def test_a_score_that_is_given_stands_in_the_titles(folder, test_images):
    top1 = folder.evaluation["top1"]

    def drawn(**options):
        write_curves(folder, **options)
        write_samples(folder, test_images, **options)
        return [(folder.path / name).read_bytes() for name in ("curves.png", "predictions.png")]

    with_eval = drawn()
    (folder.path / "eval.json").unlink()
    without = drawn()
    assert drawn(test_top1=top1) == with_eval
    assert all(one != other for one, other in zip(with_eval, without, strict=True))


def test_the_title_names_the_views_where_there_are_several(folder):
    assert run_title(folder, test_top1=0.875) == "lenet5 on mnist, seed 4: test 87.50%"
    config = folder.config.with_changes({"evaluation.tta": "mirror"})
    (folder.path / "config.toml").write_text(config.to_toml())
    title = run_title(folder, test_top1=0.875)
    assert title == "lenet5 on mnist, seed 4: test 87.50% (mirror, probabilities averaged)"
    assert run_title(folder) == "lenet5 on mnist, seed 4"


def test_other_images_are_refused(folder, test_images):
    others = SimpleNamespace(images=test_images.images.flip(0), fingerprint="g")
    with pytest.raises(RunError, match="evaluated on other test images"):
        write_samples(folder, others)
    assert not (folder.path / "predictions.png").exists()


def test_a_run_without_answers_is_refused(folder):
    with pytest.raises(RunError, match="cnnlab evaluate"):
        write_samples(folder, SimpleNamespace(images=None, fingerprint="f"))


def test_nothing_looks_like_a_class_of_tests():
    assert not [name for name in vars(pictures) if name.startswith("Test")]


def test_matplotlib_is_imported_only_to_draw():
    code = "import cnnlab.reporting, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
