import numpy as np
import pytest

from cnnlab.reporting.canvas import BLUE, VERMILION
from cnnlab.reporting.curves import curves_note, learning_curves


def has_colour(pixels, colour):
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    return (np.abs(pixels.astype(int) - wanted).max(axis=2) < 3).sum() > 100


def test_both_splits_are_drawn(folder, to_pixels):
    pixels = to_pixels(learning_curves(folder))
    assert pixels.shape == (585, 1350, 3)  # 9 x 3.9 inches at 150 dpi
    left, right = pixels[:, :675], pixels[:, 675:]
    assert all(has_colour(half, colour) for half in (left, right) for colour in (BLUE, VERMILION))


def test_the_note_says_where_label_smoothing_sets_the_losses_apart(folder):
    assert "smoothing" not in curves_note(0.0)
    assert curves_note(0.1).endswith("its loss with label smoothing 0.1, that of val without")
    plain = learning_curves(folder)
    config = folder.config.with_changes({"train.label_smoothing": 0.1})
    (folder.path / "config.toml").write_text(config.to_toml())
    assert learning_curves(folder) != plain


def test_the_note_says_what_mixing_and_balancing_do_to_the_training_curves(folder, to_pixels):
    line = curves_note(0.1, is_mixed=True, is_weighted=True).splitlines()[1]
    assert line == (
        "train: its images are mixed, right is the label of the larger share; "
        "its loss weighs classes, that of val does not"
    )
    assert curves_note(0.0, is_balanced=True).endswith("train: its classes come equally often")
    plain = to_pixels(learning_curves(folder))
    changes = {"data.augment.cutmix": 1.0, "train.class_weights": "balanced", "train.label_smoothing": 0.1}
    (folder.path / "config.toml").write_text(folder.config.with_changes(changes).to_toml())
    noted = to_pixels(learning_curves(folder))
    assert (noted[:-60] == plain[:-60]).all() and (noted[-60:] != plain[-60:]).any()
    assert (noted[:, -3:] == 255).all() and (noted[-3:] == 255).all()


def test_the_same_run_gives_the_same_bytes(folder):
    assert learning_curves(folder) == learning_curves(folder)


def test_nothing_touches_the_edge(folder, test_images, to_pixels):
    pixels = to_pixels(learning_curves(folder))
    edge = np.concatenate([pixels[:3].reshape(-1), pixels[-3:].reshape(-1), pixels[:, :3].reshape(-1)])
    assert (edge == 255).all() and (pixels[:, -3:] == 255).all()


@pytest.mark.parametrize(
    "values",
    [
        [],
        [(2.3, 0.1)],
        [(0.0, 1.0), (0.0, 1.0)],
        [(2.3, 0.1), (1e-9, 1.0)],
        [(2.3, 0.4), (2.0, 0.6)],
        [(2.3, 0.0), (0.01, 0.995), (0.02, 0.9999)],
        [(2.3, 0.905), (2.3, 0.901)],
    ],
)
def test_any_course_can_be_drawn(folder, to_pixels, values):
    (folder.path / "metrics.jsonl").unlink()
    for step, (loss, top1) in enumerate(values, start=1):
        for split in ("train", "val"):
            line = {"split": split, "step": step, "epoch": step / 9, "loss": loss, "top1": top1}
            folder.append_metrics(line)
    assert to_pixels(learning_curves(folder)).shape == (585, 1350, 3)


def test_a_users_own_settings_do_not_matter(folder):
    import matplotlib

    plain = learning_curves(folder)
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "savefig.facecolor": "red"}):
        assert learning_curves(folder) == plain
        assert matplotlib.rcParams["font.size"] == 30
