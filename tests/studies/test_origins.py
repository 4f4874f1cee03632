"""The original systems: their recipes, and scores and losses of run folders with figures worked by hand."""

import math
from pathlib import Path

import pytest
import torch

from cnnlab.errors import RunError
from cnnlab.recipes import list_recipes, load_recipe
from cnnlab.runs import RunFolder, save_weights
from cnnlab.studies import get_study
from cnnlab.studies.origins.losses import PRINTED, mean_over_steps
from cnnlab.studies.origins.rows import NUM_TEST_IMAGES, ORIGINS, PHOTOGRAPHS, Origin
from cnnlab.studies.origins.scores import FirstImages, first_images, judge, score_origin
from cnnlab.studies.origins.tables import lab_conclusion
from cnnlab.training.plan import make_plan
from some_scores import some_evaluation
from tiny_study import BASE

NUM_TRAIN = 55_000  # of MNIST, without the validation images


def folder_of(
    out: Path,
    is_correct: list[bool],
    seed: int = 0,
    lines: list[dict] | None = None,
    *,
    first: int | None = None,
) -> RunFolder:
    """A run that answered the test images so, the first of them scored by themselves too."""
    folder = RunFolder.create(out, BASE.with_changes({"seed": seed}))
    num = len(is_correct)
    probs = torch.zeros(num, 2)
    probs[torch.arange(num), [0 if right else 1 for right in is_correct]] = 1.0
    tensors = {"labels": torch.zeros(num, dtype=torch.int64), "probs": probs}
    save_weights(folder.predictions, tensors, {"class_names": ["a", "b"], "fingerprint": "f"})
    alone = first and {
        "num_images": first,
        "top1": sum(is_correct[:first]) / first,
        "top1_interval": [0.0, 1.0],
    }
    scores = some_evaluation(sum(is_correct) / num, ("a", "b"))
    folder.evaluation = {**scores, "num_images": num, "first": alone}
    folder.cost = {
        "steps": 4,
        "train_seconds": 8.0,
        "seconds_per_epoch": 2.0,
        "parameters": 5,
        "peak_memory_bytes": 1,
    }
    folder.environment = {"data": {}, "execution": {"device": "cpu", "threads": 1}}
    for line in lines or []:
        folder.append_metrics({"split": "train", "epoch": line["step"] / 4, **line})
    return folder


# --- recipes --------------------------------------------------------------------------------------------


def test_every_origin_has_both_recipes_and_they_are_equally_long():
    for origin in ORIGINS:
        faithful, ours = (load_recipe(name) for name in (f"{origin.recipe}-faithful", origin.recipe))
        assert faithful.model.name == ours.model.name
        assert faithful.train.batch_size == ours.train.batch_size
        assert make_plan(faithful, NUM_TRAIN).num_steps == make_plan(ours, NUM_TRAIN).num_steps


@pytest.mark.parametrize("network", [network for _, network, _ in PHOTOGRAPHS])
def test_systems_for_photographs_have_both_recipes_and_they_are_equally_long(network):
    faithful, ours = (load_recipe(f"{network}-imagenet{form}") for form in ("-faithful", ""))
    assert faithful.precision == "float32" and not faithful.optim.nesterov
    assert faithful.train.label_smoothing == 0 and faithful.schedule.name == "step"
    for part in ("epochs", "batch_size"):
        assert getattr(faithful.train, part) == getattr(ours.train, part)
    assert faithful.model.name == ours.model.name == network
    assert faithful.evaluation == ours.evaluation and faithful.data.augment == ours.data.augment


def test_faithful_recipes_are_as_the_sources_say():
    """Settings of docs/origins.md and nothing that the tutorials did not have."""
    of_papers = {f"{network}-imagenet-faithful" for _, network, _ in PHOTOGRAPHS}
    faithful = {name for name in list_recipes() if name.endswith("-faithful")}
    assert len(faithful - of_papers) == 6 and of_papers < faithful
    for name in faithful - of_papers:
        config = load_recipe(name)
        assert config.precision == "float32" and config.data.scale == "unit"
        assert config.schedule.name == "constant" and config.schedule.warmup == 0
        assert config.data.augment.model_dump(exclude_defaults=True) == {}
        assert config.train.label_smoothing == 0 and config.train.ema_decay is None
        (num_images,) = {origin.num_images for origin in ORIGINS if f"{origin.recipe}-faithful" == name}
        assert (config.evaluation.first or NUM_TEST_IMAGES) == num_images
        decay = 2e-4 if name.startswith("resnet") else 0.0
        assert config.optim.weight_decay == decay and not config.optim.nesterov


@pytest.mark.parametrize(
    ("name", "images", "args"),
    [
        ("alexnet_mnist3-faithful", 1800 * 128, {"init": "standard-normal", "dropout": 0.05}),
        ("alexnet_mnist3-gyf-faithful", 200_000, {"init": "standard-normal", "dropout": 0.2, "dense2": 1024}),
        ("alexnet_mnist3-lab-faithful", 550_000, {"init": "standard-normal", "dropout": 0.2, "dense2": 1024}),
        ("alexnet_mnist5-faithful", 550_000, {"init": "truncated-normal", "dropout": 0.25}),
        ("convnet_mnist-faithful", 600 * 128, {"init": "standard-normal", "dropout": 0.75}),
        ("resnet20-mnist-faithful", 6 * 429 * 128, {"norm_momentum": 0.003, "shortcut": "B"}),
    ],
)
def test_lengths_and_arguments_of_the_faithful_recipes(name, images, args):
    config = load_recipe(name)
    assert make_plan(config, NUM_TRAIN).num_steps * config.train.batch_size == images
    assert dict(config.model.args) == args


def test_metrics_of_faithful_recipes_end_where_epochs_end():
    """So that a longer run goes on from the end of a shorter one, and losses per epoch can be worked out."""
    for origin in ORIGINS:
        config = load_recipe(f"{origin.recipe}-faithful").with_changes(dict(origin.length))
        plan = make_plan(config, NUM_TRAIN)
        assert plan.num_steps % plan.log_every == 0 or not origin.length, origin.name
        assert plan.num_steps % plan.val_every == 0 or not origin.length, origin.name


def test_quick_runs_go_on_from_one_another_too():
    runs = get_study("origins").runs(quick=True, seeds=1)
    for run in runs:
        train = run.config.train
        assert train.steps is not None and train.val_every is not None
        assert train.steps % train.log_every == train.steps % train.val_every == 0
        assert train.steps * train.batch_size <= 8_000


def test_runs_that_go_on_from_one_another_wait_for_one_another():
    runs = get_study("origins").runs(quick=False, seeds=2)
    chains = {}
    for run in runs:
        chains.setdefault(run.chain, []).append((run.key, run.config.seed))
    assert chains["alexnet_mnist3-lab-faithful, seed 1"] == [
        ("A3-lab, 5 epochs faithful", 1), ("A3-lab, 10 epochs faithful", 1)
    ]  # fmt: skip
    assert len(chains) == 2 * 2 * 6


def test_all_runs_are_scored_on_the_images_of_the_original():
    keys = {f"{origin.name} {kind}": origin for origin in ORIGINS for kind in ("faithful", "ours")}
    for run in get_study("origins").runs(quick=True, seeds=1):
        assert (run.config.evaluation.first or NUM_TEST_IMAGES) == keys[run.key].num_images


# --- scores ---------------------------------------------------------------------------------------------

ORIGIN = Origin("X", "two layers", "lenet5", 1, published=(0.25, 0.25), num_images=4)
WRONG, RIGHT = False, True


def test_scores_by_hand(tmp_path):
    faithful = [
        folder_of(
            tmp_path, [RIGHT, WRONG, WRONG, WRONG, RIGHT, RIGHT, WRONG, WRONG], 0, first=4
        ),  # 1 of 4, 3 of 8
        folder_of(
            tmp_path, [RIGHT, RIGHT, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG], 1, first=4
        ),  # 2 of 4, 2 of 8
        folder_of(
            tmp_path, [RIGHT, RIGHT, RIGHT, WRONG, RIGHT, WRONG, WRONG, WRONG], 2, first=4
        ),  # 3 of 4, 4 of 8
    ]
    ours = [folder_of(tmp_path, [RIGHT] * 7 + [WRONG], seed, first=4) for seed in range(3)]
    scores = score_origin(ORIGIN, faithful, ours)
    first = scores.faithful_first
    assert first.top1 == (0.25, 0.5, 0.75) and first.mean_top1 == 0.5
    # One more run: 0.5 +- 4.302653 * 0.25 * sqrt(4 / 3) passes 0 and 1.
    assert (first.low, first.high, first.method) == (0.0, 1.0, "one more seed")
    assert scores.ours_first.top1 == (1.0, 1.0, 1.0)
    assert scores.faithful.mean_top1 == pytest.approx(3 / 8)
    half = 4.302653 * (1 / 8) / math.sqrt(3)
    assert scores.faithful.interval == pytest.approx((3 / 8 - half, 3 / 8 + half))
    assert scores.ours.mean_top1 == pytest.approx(7 / 8)
    assert scores.ours.test is not None and scores.ours.test.difference == pytest.approx(4 / 8)
    assert scores.ours.test.method == "paired t over seeds"
    assert (scores.is_compatible, scores.verdict) == (None, "too wide to tell")
    values = scores.as_dict()
    assert values["first_images"]["faithful"]["top1"] == [0.25, 0.5, 0.75]
    assert values["all_images"]["difference"] == pytest.approx(0.5)
    assert values["published"] == [0.25, 0.25]


def test_quick_runs_are_not_judged(tmp_path):
    runs = [folder_of(tmp_path, [RIGHT] * 8, first=4)]
    scores = score_origin(ORIGIN, runs, runs, quick=True)
    assert (scores.is_compatible, scores.verdict) == (None, "quick: not to be compared")


def test_one_run_has_the_chance_of_its_images(tmp_path):
    first = first_images([folder_of(tmp_path, [RIGHT] * 4 + [WRONG] * 4)], 8)
    assert first.method == "images"
    # Wilson's interval of 4 of 8, z = 1.959964: centre 1/2, half-width by its formula
    z2 = 1.959964**2
    half = math.sqrt(z2 * (1 / 32 + z2 / 256)) / (1 + z2 / 8)
    assert (first.low, first.high) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)


def test_without_the_weights_and_the_answers(tmp_path):
    folder = folder_of(tmp_path, [RIGHT, WRONG, RIGHT, RIGHT], first=2)
    folder.predictions.unlink()
    assert first_images([folder], 2).top1 == (0.5,)
    assert first_images([folder], 4).top1 == (0.75,)


@pytest.mark.parametrize("first", [None, 2])
def test_scored_on_other_images(tmp_path, first):
    folder = folder_of(tmp_path, [RIGHT] * 8, first=first)
    with pytest.raises(RunError, match=r"first 4 test images.*--set evaluation\.first=4\.$"):
        first_images([folder], 4)


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (None, (None, "no figure published")),
        ((0.6, 0.6), (True, "compatible")),
        ((0.7, 0.7), (True, "compatible; above all runs")),  # the end belongs to the interval
        ((0.2, 0.5), (True, "compatible; below all runs")),  # a part of their range does
        ((0.2, 0.95), (True, "compatible")),
        ((0.8, 0.9), (False, "no: faithful is 20.00 points lower")),
        ((0.1, 0.45), (False, "no: faithful is 15.00 points higher")),
    ],
)
def test_the_verdict_follows_the_rule(published, expected):
    assert judge(published, FirstImages(256, (0.6,) * 3, 0.6, 0.5, 0.7, "one more seed")) == expected


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        (0.5, (None, "too wide to tell")),
        (0.65, (None, "too wide to tell; above all runs")),
        (0.2, (None, "too wide to tell; below all runs")),
        (0.99, (False, "no: faithful is 49.00 points lower")),
    ],
)
def test_runs_far_apart_do_not_tell(published, expected):
    runs = FirstImages(256, (0.4, 0.5, 0.6), 0.5, 0.1, 0.9, "one more seed")
    assert judge((published, published), runs) == expected


# --- losses ---------------------------------------------------------------------------------------------


def test_means_over_steps_by_hand():
    lines = [{"step": 2, "loss": 10.0}, {"step": 4, "loss": 4.0}, {"step": 5, "loss": 1.0}]
    assert mean_over_steps(lines, 1, 2) == 10.0
    assert mean_over_steps(lines, 3, 4) == 4.0
    assert mean_over_steps(lines, 1, 5) == pytest.approx((2 * 10 + 2 * 4 + 1 * 1) / 5)
    assert mean_over_steps(lines, 2, 4) is None  # no line begins with step 2
    assert mean_over_steps(lines, 5, 6) is None  # nor ends with step 6


def test_all_printed_figures_can_be_worked_out_of_the_faithful_runs():
    runs = {run.key: run.config for run in get_study("origins").runs(quick=False, seeds=1)}
    for printed in PRINTED:
        plan = make_plan(runs[printed.key], NUM_TRAIN)
        steps = [step for step in range(1, plan.num_steps + 1) if plan.is_log_step(step)]
        value = printed.measure([{"step": step, "loss": 2.0, "top1": 0.5} for step in steps])
        assert value == pytest.approx(0.5 if printed.is_share else 2.0), printed
        assert printed.step is None or plan.is_val_step(printed.step), printed


# --- the report -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The whole report of three seeds: faithful runs are right on all but the first 3,000 + 100 x seed."""
    out = tmp_path_factory.mktemp("runs")
    study, folders = get_study("origins"), {}
    for run in study.runs(quick=False, seeds=3):
        num_wrong = 3_000 + 100 * run.config.seed if run.key.endswith("faithful") else 50
        is_correct = [WRONG] * num_wrong + [RIGHT] * (10_000 - num_wrong)
        plan = make_plan(run.config, NUM_TRAIN)
        logged = range(plan.log_every, plan.num_steps + 1, plan.log_every)
        lines = [{"step": step, "loss": 1000.0 + run.config.seed, "top1": 0.25} for step in logged]
        validated = range(plan.val_every, plan.num_steps + 1, plan.val_every)
        lines += [{"split": "val", "step": step, "loss": 600.0, "top1": 0.5} for step in validated]
        is_needed = run.key in {printed.key for printed in PRINTED}
        first = run.config.evaluation.first
        folder = folder_of(out, is_correct, run.config.seed, lines if is_needed else [], first=first)
        folders.setdefault(run.key, []).append(folder)
    return study.report(folders, quick=False)


def test_report_has_all_rows_and_their_figures(report):
    published, all_images, losses, photographs = report.tables[1:]
    rows = {row[0]: row[1:] for row in published.rows}
    assert list(rows) == [origin.name for origin in ORIGINS]
    assert rows["A3-wzs"][:3] == ["95.3% to 97.3%", "first 1,000", "0.00%"]
    assert rows["A3-wzs"][-1] == "no: faithful is 95.30 points lower"
    assert rows["R-lab, 3 epochs"][:3] == ["93.47%", "all", "69.00%"]
    assert rows["A5"][0] == "-" and rows["A5"][-1] == "no figure published"
    everything = {row[0]: row[1:] for row in all_images.rows}
    # 70, 69 and 68 %: the standard deviation is 1 point, 4.302653 / sqrt(3) = 2.48
    assert everything["C2"] == [
        "69.00%", "66.52% to 71.48%", "99.50%", "99.49% to 99.51%", "+30.50 points", "< 0.001"
    ]  # fmt: skip
    with_and_without = ["1,001", "1,000 to 1,002", "600", "600 to 600"]
    assert ["A3-lab, 5 epochs", "loss in epoch 5", "103,827", *with_and_without] in losses.rows
    assert losses.rows[-1][-2:] == ["50.0%", "50.0% to 50.0%"] and losses.rows[-2][-2:] == ["-", "-"]
    assert [row[0] for row in photographs.rows] == [name for name, *_ in PHOTOGRAPHS]
    assert photographs.rows[0][2] == "60,965,224" and photographs.rows[1][2] == "61,100,840"


def test_the_lab_s_conclusion_is_judged(report):
    (note,) = [note for note in report.tables[2].notes if note.startswith("The lab concluded")]
    # Faithful runs of both are alike here, 69 % on average, and so are those trained well, 99.5 %.
    assert "As they trained, ResNet has 69.00% after 6 epochs, AlexNet 69.00% after 5 and 69.00%" in note
    assert note.count(": not told apart.") == 2


@pytest.mark.parametrize(
    ("resnet", "expected"),
    [(0.9, "more accurate"), (0.3, "less accurate"), (0.5, "not told apart")],
)
def test_only_what_lies_apart_is_told_apart(tmp_path, resnet, expected):
    def row(name, top1):
        rights = [round(10_000 * top1) + more for more in (-50, 0, 50)]
        runs = [
            folder_of(tmp_path, [RIGHT] * num + [WRONG] * (10_000 - num), seed)
            for seed, num in enumerate(rights)
        ]
        return score_origin(Origin(name, "", "lenet5", 1), runs, runs)

    top1 = {"A3-lab, 5 epochs": 0.45, "A3-lab, 10 epochs": 0.5, "R-lab, 6 epochs": resnet}
    rows = {name: row(name, value) for name, value in top1.items()}
    assert lab_conclusion(rows).count(f": {expected}.") == 2


def test_report_for_machines(report):
    rows = {row["name"]: row for row in report.values["rows"]}
    assert rows["A3-lab, 10 epochs"]["published"] == [149 / 256] * 2
    assert rows["A3-lab, 10 epochs"]["is_compatible"] is False
    assert rows["A3-lab, 10 epochs"]["recipes"]["faithful"] == "alexnet_mnist3-lab-faithful"
    assert rows["C2"]["all_images"]["ours"]["mean_top1"] == pytest.approx(0.995)
    assert len(report.values["losses"]) == len(PRINTED)


def test_a_run_without_the_steps_needed_is_named(tmp_path):
    study = get_study("origins")
    is_correct = [RIGHT] * 10_000
    folders = {
        run.key: [folder_of(tmp_path, is_correct, first=run.config.evaluation.first)]
        for run in study.runs(quick=False, seeds=1)
    }
    with pytest.raises(RunError, match=r"metrics\.jsonl lacks the steps of: loss over the last 200"):
        study.report(folders, quick=False)


def test_parts_have_the_figures_of_the_whole(report, tmp_path):
    study, folders = get_study("origins"), {}
    for run in study.runs(quick=False, seeds=3):
        if run.part == "R-lab, 3 epochs":
            num_wrong = 3_000 + 100 * run.config.seed if run.key.endswith("faithful") else 50
            is_correct = [WRONG] * num_wrong + [RIGHT] * (10_000 - num_wrong)
            folders.setdefault(run.key, []).append(folder_of(tmp_path, is_correct, run.config.seed))
    part = study.report(folders, quick=False)
    whole = {row["name"]: row for row in report.values["rows"]}
    assert part.values == {"rows": [whole["R-lab, 3 epochs"]], "losses": []}
    assert part.tables[0].rows[0][0] == "R-lab, 3 epochs" and len(part.tables[0].rows) == 1
    assert not any("The lab concluded" in note for note in part.tables[2].notes)
