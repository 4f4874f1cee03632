from pathlib import Path
from typing import Any

import pytest

from cnnlab import lab
from cnnlab.config import RunConfig
from cnnlab.runs import RunFolder
from cnnlab.studies import get_study, make_report, run_study
from cnnlab.studies.paired import Gain
from cnnlab.studies.precision import is_the_same
from cnnlab.training import SilentProgress
from some_scores import some_evaluation

STUDY = get_study("precision")


@pytest.mark.parametrize("quick", [False, True])
def test_the_settings_of_a_seed_differ_in_their_precision_alone(quick):
    pairs: dict[tuple[str, int], list[RunConfig]] = {}
    for run in STUDY.runs(quick=quick, seeds=2):
        pairs.setdefault((run.part, run.config.seed), []).append(run.config)
    assert len(pairs) == 2 * len({part for part, _ in pairs}) >= 6
    for one, other in pairs.values():
        assert (one.precision, other.precision) == ("float32", "bf16")
        assert one.with_changes({"precision": "bf16"}) == other


def folder_of(out: Path, config: RunConfig, top1: float, **execution: Any) -> RunFolder:
    folder = RunFolder.create(out, config)
    data = {"train": {"name": "x", "num_images": 100, "fingerprint": "t"}}
    folder.environment = {"data": data, "execution": {"precision": config.precision, **execution}}
    folder.evaluation = {**some_evaluation(top1), "num_images": 1000}
    return folder


@pytest.mark.parametrize("num_emulated", [0, 1, 2])
def test_the_table_for_people(tmp_path, num_emulated):
    """Differences of -1 and -3 points: mean -2, and 12.7062 * 1.4142 / sqrt(2) to either side."""
    folders: dict[str, Any] = {}
    for run in STUDY.runs(quick=False, seeds=2):
        lost = 0.0 if run.config.precision == "float32" else 0.01 + 0.02 * run.config.seed
        short = {"emulated": run.config.seed < num_emulated} if lost else {"kernels": "some"}
        folder = folder_of(tmp_path, run.config, 0.95 - lost, **short)
        folders.setdefault(run.key, []).append(folder)
    report = make_report(STUDY, folders, quick=False, seeds=2)
    rows = [" ".join(line.split()) for line in report.to_text(width=200).splitlines()]
    assert any(
        row.startswith("lenet5 95.00%")
        and row.endswith("-2.00 -14.71 to +10.71 0.295 not told apart not decided")
        for row in rows
    ), rows
    assert "on all 1,000 test images" in report.to_text(width=200)
    num_in_bf16 = len(folders) // 2 * 2
    is_said = f"bf16 is emulated in {len(folders) // 2 * num_emulated} of {num_in_bf16} runs"
    assert (is_said in report.to_text(width=200)) is (num_emulated > 0)
    assert "torch computes more of bf16 than of float32" in report.to_text(width=200)
    assert any("bf16 emulated" in text for text in report.hardware) is (num_emulated > 0)
    values = report.as_dict()["recipes"]
    assert [one["recipe"] for one in values] == list(
        dict.fromkeys(run.part for run in STUDY.runs(quick=False, seeds=1))
    )
    assert values[0]["gain"]["difference"] == pytest.approx(-0.02)
    assert values[0]["bf16"]["top1"] == pytest.approx((0.94, 0.92))


@pytest.mark.parametrize(
    ("interval", "says"),
    [
        ((-0.0009, 0.0010), "yes"),
        ((-0.0011, 0.0005), "not decided"),
        ((0.0002, 0.0011), "not decided"),
        ((-0.0030, -0.0011), "no"),
        ((0.0011, 0.0030), "no"),
        (None, ""),
    ],
)
def test_what_the_interval_decides(interval, says):
    assert is_the_same(Gain(0.0, interval, 0.5)) == says


def test_a_quick_look_from_end_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr("cnnlab.studies.precision.RECIPES", ("lenet5",))

    def launch(config: RunConfig, out: Path, unfinished: Path | None) -> Path:
        return lab.train(config, out=out, progress=SilentProgress())

    sizes = {"data.val_size": 100, "data.image_size": 28}
    options: dict[str, Any] = {"data": "digits", "threads": 1, "changes": sizes}
    report = run_study(
        STUDY, quick=True, seeds=1, out=tmp_path, launch=launch, say=lambda text: None, **options
    )
    assert set(report.runs) == {"lenet5, float32", "lenet5, bf16"}
    (name,) = report.runs["lenet5, bf16"]
    assert RunFolder(tmp_path / name).environment["execution"]["precision"] == "bf16"
