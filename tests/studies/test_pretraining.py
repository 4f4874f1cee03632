from pathlib import Path
from typing import Any

import pytest

from cnnlab import lab
from cnnlab.config import RunConfig
from cnnlab.runs import PretrainedLayer, PretrainingRecord, RunFolder, read_record
from cnnlab.runs.atomic import write_json
from cnnlab.runs.pretrained import RECORD
from cnnlab.studies import get_study, make_report, run_study
from cnnlab.studies.pretraining import METHODS, NETWORKS, NUM_LABELS
from cnnlab.studies.pretraining.cells import make_cell
from cnnlab.training import SilentProgress
from some_scores import some_evaluation

STUDY = get_study("pretraining")


# --- which runs -------------------------------------------------------------------------------------------


def test_every_network_with_every_number_of_labels_in_every_way():
    runs = STUDY.runs(quick=False, seeds=5)
    assert len(runs) == 2 * 3 * 3 * 5
    found = {
        (run.config.model.name, run.config.data.train_size, run.config.pretrain.method, run.config.seed)
        for run in runs
    }
    assert found == {
        (network, labels, method, seed)
        for network in NETWORKS
        for labels in NUM_LABELS
        for method in METHODS
        for seed in range(5)
    }


@pytest.mark.parametrize("quick", [False, True])
def test_the_ways_to_start_differ_in_nothing_else(quick):
    groups: dict[tuple[str, int | None, int], list[RunConfig]] = {}
    for run in STUDY.runs(quick=quick, seeds=2):
        config = run.config
        assert config.data.split_seed == config.seed
        groups.setdefault((config.model.name, config.data.train_size, config.seed), []).append(config)
    for group in groups.values():
        assert [config.pretrain.method for config in group] == ["none", "autoencoder", "rbm"]
        same = [config.with_changes({"pretrain": {}, "recipe": ""}) for config in group]
        assert same[0] == same[1] == same[2]


def test_what_the_number_of_labels_changes_leaves_the_pre_training_as_it_is():
    """Else runs could not share one."""
    groups: dict[tuple[str, str, int], set[str]] = {}
    for run in STUDY.runs(quick=False, seeds=2):
        config = run.config
        same = config.with_changes({"recipe": "", "data.train_size": None})
        groups.setdefault((config.model.name, config.pretrain.method, config.seed), set()).add(same.to_toml())
    assert {len(group) for group in groups.values()} == {1}


# --- what is made of them ---------------------------------------------------------------------------------


def folder_of(
    out: Path, seed: int, top1: float, *, train: str = "t", pretrained: float | None = None
) -> RunFolder:
    config = RunConfig.from_dict({"model": {"name": "lenet5"}, "seed": seed}, source="test")
    folder = RunFolder.create(out, config)
    folder.environment = {"data": {"train": {"name": "x", "num_images": 100, "fingerprint": train}}}
    folder.evaluation = {**some_evaluation(top1), "num_images": 1000}
    if pretrained is not None:
        layer = PretrainedLayer(layer="conv1", steps=3, error_before=1.0, error=pretrained, seconds=20.0)
        record = PretrainingRecord(method="rbm", num_images=9, layers=[layer], origin={})
        write_json(folder.path / RECORD, record.model_dump())
    return folder


def groups(out: Path, ours: list[float], theirs: list[float]) -> dict[str, list[RunFolder]]:
    return {
        "group": [folder_of(out, seed, top1, pretrained=0.1 * seed) for seed, top1 in enumerate(ours)],
        "baseline": [folder_of(out, seed, top1) for seed, top1 in enumerate(theirs)],
    }


def test_a_cell(tmp_path):
    cell = make_cell("n", 100, "rbm", **groups(tmp_path, [0.91, 0.94, 0.90], [0.90, 0.92, 0.87]))
    assert cell.accuracy.top1 == (0.91, 0.94, 0.90)
    assert cell.gain is not None and cell.gain.difference == pytest.approx(0.02)
    assert cell.errors == {"conv1": pytest.approx(0.1)}
    assert cell.pretrain_seconds == 20.0
    values = cell.as_dict()
    assert (values["difference"], values["verdict"]) == (pytest.approx(0.02), "not told apart")


def test_none_is_compared_with_nothing(tmp_path):
    both = groups(tmp_path, [0.9, 0.91], [0.9, 0.91])
    cell = make_cell("n", 100, "none", both["baseline"], both["baseline"])
    assert cell.gain is None and cell.as_dict()["verdict"] == ""
    assert (cell.errors, cell.pretrain_seconds) == ({}, 0.0)


def test_the_tables_for_people(tmp_path):
    folders: dict[str, Any] = {}
    for run in STUDY.runs(quick=True, seeds=2):
        gain = 0.0 if run.config.pretrain.method == "none" else 0.012
        folder = folder_of(
            tmp_path, run.config.seed, 0.9 + gain + run.config.seed / 100, pretrained=0.25 if gain else None
        )
        folders.setdefault(run.key, []).append(folder)
    report = make_report(STUDY, folders, quick=True, seeds=2)
    text = report.to_text(width=200)
    assert "convnet_mnist\n" in text and "alexnet_mnist3\n" in text
    rows = [" ".join(line.split()) for line in text.splitlines()]
    # Both differences are 1.2 points: 12.7062 * 0.1 / sqrt(6) / sqrt(2) to either side.
    assert "100 none 90.50% 84.15% to 96.85%" in rows
    assert "100 rbm 91.70% 85.35% to 98.05% +1.20 +0.83 to +1.57 0.015 better" in rows
    assert "convnet_mnist autoencoder conv1 0.250 20 s" in rows
    assert "each of the 4 pairs by itself" in text
    cells = report.as_dict()["cells"]
    assert len(cells) == 6 and cells[1]["difference"] == pytest.approx(0.012)


# --- all of it --------------------------------------------------------------------------------------------


def test_a_quick_look_from_end_to_end(tmp_path, monkeypatch):
    """On digits, with one seed: each way to start ends in an evaluated run, of which the report is made."""
    monkeypatch.setattr("cnnlab.studies.pretraining.NETWORKS", {"convnet_mnist": {}})

    def launch(config: RunConfig, out: Path, unfinished: Path | None) -> Path:
        assert unfinished is None
        return lab.train(config, out=out, progress=SilentProgress())

    options: dict[str, Any] = {"data": "digits", "threads": 1, "changes": {"data.val_size": 100}}
    said: list[str] = []
    report = run_study(STUDY, quick=True, seeds=1, out=tmp_path, launch=launch, say=said.append, **options)
    assert len(report.runs) == 3
    for names in report.runs.values():
        folder = RunFolder(tmp_path / names[0])
        record = read_record(folder)
        method = folder.config.pretrain.method
        assert (record is None) == (method == "none")
        if record is not None:
            assert record.num_images == 1797 - 360 - 100
            assert (folder.path / "filters.png").exists() and (folder.path / "reconstructions.png").exists()
    again = run_study(STUDY, quick=True, seeds=1, out=tmp_path, launch=launch, say=said.append, **options)
    assert again.runs == report.runs
