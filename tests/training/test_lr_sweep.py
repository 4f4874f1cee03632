"""The sweep of the learning rate: against an analytic limit of stability, curves by hand, mistakes."""

import math

import pytest
import torch
from torch import nn

from cnnlab.config import RunConfig
from cnnlab.data import Dataset, make_dataset
from cnnlab.errors import CheckFailedError, ConfigError
from cnnlab.models import ImageClassifier, registry
from cnnlab.training import LrSweep, SilentProgress, sweep_lr
from cnnlab.training.lr_sweep import _has_exploded
from tiny_training import plain_config, tiny_config, tiny_images


class Gain(nn.Module):
    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.gain * images


def softmax_line(*, in_channels: int = 1, num_classes: int = 2, gain: float = 1.0) -> ImageClassifier:
    """Two logits from one pixel, which starts far from its best weights, 0 and 0."""
    head = nn.Sequential(nn.Flatten(), nn.Linear(in_channels, num_classes, bias=False))
    with torch.no_grad():
        head[1].weight.copy_(torch.tensor([[1.0], [-1.0]]) / gain)
    return ImageClassifier(nn.Sequential(Gain(gain)), head)


@pytest.fixture
def line_is_known():
    registry.register_model(year=2026, paper="", image_size=1, source="tests", in_channels=1)(softmax_line)


def pixels_without_meaning() -> Dataset:
    """Black and white pixels, -1 and 1 once normalised; each has both labels equally often."""
    images = torch.tensor([0, 0, 255, 255], dtype=torch.uint8).repeat(256).view(1024, 1, 1, 1)
    return make_dataset("pixels", "train", images, torch.tensor([0, 1]).repeat(512), ("a", "b"))


def sweep_the_line(
    gain: float, *, momentum: float = 0.0, lowest: float = 1e-3, highest: float = 1e3
) -> LrSweep:
    values = {
        "threads": 1,
        "precision": "float32",
        "device": "cpu",
        "model": {"name": "softmax_line", "args": {"gain": gain}},
        "optim": {"name": "sgd", "momentum": momentum},
        "train": {"steps": 400, "batch_size": 512},
    }
    config = RunConfig.from_dict(values, source="test")
    return sweep_lr(
        config, pixels_without_meaning(), lowest=lowest, highest=highest, progress=SilentProgress()
    )


@pytest.mark.parametrize("gain", [1.0, 4.0])
def test_the_loss_rises_at_the_analytic_limit_of_stability(line_is_known, gain):
    """The loss has the curvature 1/2 gain^2 along (1, -1), so that steps diverge above 2 / (1/2 gain^2).

    Until then it lies at its lowest, ln 2. It bends the other way further out, and so takes some rates more
    to reach four times as much.
    """
    sweep = sweep_the_line(gain)
    limit = 4.0 / gain**2
    rises_at = max(
        lr for lr, loss in zip(sweep.lrs, sweep.smoothed, strict=True) if loss < 1.05 * math.log(2)
    )
    assert rises_at == pytest.approx(limit, rel=0.25)
    assert limit / 1000 < sweep.suggestion < sweep.lowest_at < limit
    assert sweep.has_exploded and limit < sweep.lrs[-1] < 4 * limit


def test_momentum_moves_the_limit(line_is_known):
    """With momentum m it is (1 + m) times as far; that of the heavy ball, 2 (1 + m) / curvature."""
    plain, heavy = (sweep_the_line(1.0, momentum=momentum) for momentum in (0.0, 0.9))
    assert heavy.has_exploded and heavy.lrs[-1] > 4.0 * 1.9
    assert heavy.suggestion < plain.suggestion / 2  # it takes off sooner


def test_rates_rise_by_the_same_factor_from_end_to_end():
    config = plain_config(train__steps=25)
    sweep = sweep_lr(config, tiny_images("train"), lowest=1e-6, highest=1e-3, progress=SilentProgress())
    assert len(sweep.lrs) == len(sweep.losses) == 25 and not sweep.has_exploded
    assert sweep.lrs[0] == 1e-6 and sweep.lrs[-1] == pytest.approx(1e-3)
    factors = [after / before for before, after in zip(sweep.lrs[:-1], sweep.lrs[1:], strict=True)]
    assert factors == pytest.approx([1000 ** (1 / 24)] * 24)
    assert sweep.batch_size == 16


def test_the_same_config_gives_the_same_losses_and_leaves_torchs_numbers_alone():
    config = tiny_config(train__steps=20)  # with dropout, batch norm and augmentation
    torch.manual_seed(5)
    state = torch.get_rng_state()
    options = {"lowest": 1e-5, "highest": 0.1, "progress": SilentProgress()}
    first = sweep_lr(config, tiny_images("train"), **options)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    assert sweep_lr(config, tiny_images("train"), **options) == first
    assert sweep_lr(tiny_config(train__steps=20, seed=1), tiny_images("train"), **options) != first


def test_settings_of_rate_and_schedule_do_not_matter():
    options = {"lowest": 1e-5, "highest": 0.1, "progress": SilentProgress()}
    changes = {"optim__lr": 7.0, "schedule__name": "step", "schedule__warmup": 0.5, "train__ema_decay": 0.9}
    one, other = (
        sweep_lr(config, tiny_images("train"), **options)
        for config in (plain_config(train__steps=20), plain_config(train__steps=20, **changes))
    )
    assert one == other


def test_a_loss_that_leaves_the_finite_numbers_ends_the_sweep():
    config = plain_config(optim__name="sgd", train__steps=40)
    sweep = sweep_lr(config, tiny_images("train"), lowest=1e-4, highest=1e6, progress=SilentProgress())
    assert sweep.has_exploded and len(sweep.losses) < 40
    assert all(map(math.isfinite, sweep.losses))


# --- what a curve says ----------------------------------------------------------------------------------


def swept(losses: list[float], *, has_exploded: bool = False) -> LrSweep:
    return LrSweep(
        tuple(10.0 ** (place / 10) for place in range(len(losses))), tuple(losses), has_exploded, 8
    )


def test_smoothing_moves_nothing():
    """Means over up to five losses, as many before as after: a peak stays where it is, and a line a line."""
    assert swept([0.0] * 5 + [5.0] + [0.0] * 5).smoothed == [0.0] * 3 + [1.0] * 5 + [0.0] * 3
    line = [float(place) for place in range(30)]
    assert swept(line).smoothed == pytest.approx(line)


def test_the_suggestion_is_where_the_loss_falls_fastest_on_its_way_to_its_lowest():
    """A slow fall, a fast one between 20 and 30, a plateau, and a wild way up and down again."""
    fall = [3.0 - 0.01 * place for place in range(20)] + [2.8 - 0.2 * place for place in range(10)]
    sweep = swept([*fall, *[0.79] * 5, 0.7, *[0.79] * 4, 9.0, 3.0, 9.0, 1.0])
    assert sweep.lowest_at == pytest.approx(10**3.5, rel=0.6)
    assert 10**2.0 < sweep.suggestion < 10**3.0
    assert sweep.suggestion == float(f"{sweep.suggestion:.2g}")


def test_coming_back_from_a_bump_is_no_fall():
    """The way down from 4 to 2.3 is steeper than the one from 2.3 to 1, which is new."""
    bump = [2.3] * 5 + [3.0, 4.0, 4.0, 4.0, 3.0] + [2.3] * 20
    sweep = swept([*bump, *[2.3 - 0.13 * place for place in range(10)]])
    assert sweep.suggestion > 10**2.9


def test_where_the_loss_never_fell_no_rate_is_suggested():
    assert swept([2.3 + 0.01 * (place % 3) for place in range(40)]).suggestion is None
    assert swept([2.3] * 20 + [2.08] * 20).suggestion is None
    assert swept([2.3] * 20 + [2.06] * 20).suggestion is not None


def test_all_of_it_as_json():
    values = swept([2.3] * 20 + [2.0] * 20, has_exploded=True).as_dict()
    assert values["has_exploded"] is True and values["batch_size"] == 8
    assert len(values["lrs"]) == len(values["losses"]) == len(values["smoothed"]) == 40


# --- mistakes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lowest", "highest", "steps", "message"),
    [
        (0.0, 1.0, 30, "lowest, highest: .* 1e-12 to 1e6.* Received: 0 and 1."),
        (1.0, 0.1, 30, "the second above the first.* Received: 1 and 0.1."),
        (1.0, 1e9, 30, "1e-12 to 1e6.* Received: 1 and 1e\\+09."),
        (float("nan"), 1.0, 30, "Received: nan and 1."),
        (1e-3, 1.0, 19, "steps: a sweep takes 20 to 100,000. Received: 19."),
    ],
)
def test_a_range_that_cannot_be_swept(lowest, highest, steps, message):
    with pytest.raises(ConfigError, match=message):
        sweep_lr(
            plain_config(train__steps=steps),
            tiny_images("train"),
            lowest=lowest,
            highest=highest,
            progress=SilentProgress(),
        )


def test_a_lowest_rate_that_is_too_high_already(line_is_known):
    message = (
        r"softmax_line: the loss left the finite numbers at step 2, at a rate of 5.01e\+05; .*lowest=500000"
    )
    with pytest.raises(CheckFailedError, match=message):
        sweep_the_line(1e17, lowest=5e5, highest=1e6)


@pytest.mark.parametrize(
    "losses",
    [
        [2.3, *[1e6 * (5 + place) for place in range(30)]],  # exploded with the first update
        [2.3, *[1.5e6 - 1e4 * place for place in range(30)]],  # and came down from there
        [2.3, 3.0, 4.0, 5.0, 6.0, *[7.0 - 0.1 * place for place in range(40)]],
    ],
)
def test_a_sweep_that_begins_too_high_suggests_nothing(losses):
    assert swept(losses).suggestion is None


def test_a_loss_that_exploded_at_once_is_seen():
    assert _has_exploded([2.3, *[1e6] * 12])
    assert _has_exploded([2.3, *[1e6 - 1e4 * place for place in range(12)]])
    assert not _has_exploded([2.3] * 15)
