"""Each command does what its help says, in text and in JSON."""

import csv
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import cnnlab.lab
from cnnlab.config import RunConfig
from cnnlab.data import load_data
from cnnlab.training import LrSweep


def test_train_leaves_a_whole_run_folder(finished):
    names = {path.name for path in finished.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.toml",
        "environment.json",
        "metrics.jsonl",
        "model.safetensors",
        "checkpoint",
        "cost.json",
        "eval.json",
        "predictions.safetensors",
        "curves.png",
        "predictions.png",
    }
    for picture in finished.glob("*.png"):
        with Image.open(picture) as image:
            image.verify()


def test_train_prints_the_run_folder_and_progress_lines(run_cli, tmp_path, tiny):
    result = run_cli("train", "convnet_mnist", *tiny, "--print-every", "4", "--out", tmp_path)
    assert result.code == 0
    assert result.out.strip() == str(next(tmp_path.iterdir()))
    lines = [line for line in result.err.splitlines() if line.startswith("step")]
    assert [line.split()[1] for line in lines] == ["4/12", "8/12", "12/12"]
    assert all(re.search(r"loss \d.*train \d.*val \d", line) for line in lines)


def test_train_json_holds_fractions_and_seconds(run_cli, tmp_path, tiny):
    result = run_cli("train", "convnet_mnist", *tiny, "--json", "--out", tmp_path)
    values = json.loads(result.out)
    assert 0 <= values["test"]["top1"] <= 1
    assert values["cost"]["train_seconds"] > 0


def test_train_takes_an_edited_recipe(run_cli, tmp_path):
    text = run_cli("recipes", "show", "convnet_mnist-digits").out
    recipe = tmp_path / "mine.toml"
    recipe.write_text(text.replace("lr = 0.05", "lr = 0.025"))
    assert recipe.read_text() != text
    result = run_cli(
        "train", recipe, "--steps", "3", "--threads", "1", "--out", tmp_path / "runs", "--no-test"
    )
    config = RunConfig.from_file(next((tmp_path / "runs").glob("mine-digits-s0-*/config.toml")))
    assert (result.code, config.optim.lr, config.train.steps, config.train.epochs) == (0, 0.025, 3, None)


def test_same_command_same_bits(run_cli, tmp_path, tiny):
    for name in "ab":
        run_cli("train", "convnet_mnist", *tiny, "--out", tmp_path / name)
    first, second = (next(tmp_path.glob(f"{name}/*/model.safetensors")).read_bytes() for name in "ab")
    assert first == second


def test_resume_of_a_finished_run_changes_nothing(run_cli, finished):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    assert run_cli("resume", finished).code == 0
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_evaluate(run_cli, finished):
    stored = json.loads((finished / "eval.json").read_text())
    assert json.loads(run_cli("evaluate", finished, "--json").out) == stored
    text = run_cli("evaluate", finished).out
    assert f"top1 {stored['top1']:.2%}" in text and "360 images" in text
    val = json.loads(run_cli("evaluate", finished, "--split", "val", "--json").out)
    assert (val["split"], val["num_images"]) == ("val", 180)


def test_evaluate_on_other_images(run_cli, finished, tmp_path):
    test = load_data("digits", splits=("test",))["test"]
    for index in range(100):
        image, label = test.images[index, 0].numpy(), test.class_names[int(test.labels[index])]
        folder = tmp_path / "more" / "test" / label
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{index}.png")
    before = (finished / "eval.json").read_bytes()
    scores = json.loads(run_cli("evaluate", finished, "--data", tmp_path / "more", "--json").out)
    assert (scores["data"], scores["num_images"]) == ("more", 100)
    assert (finished / "eval.json").read_bytes() == before


def test_evaluate_by_other_views(run_cli, finished):
    before = (finished / "eval.json").read_bytes()
    result = run_cli("evaluate", finished, "--tta", "mirror", "--average", "logits")
    assert "360 images, mirror, logits averaged\n" in result.out
    assert "its own scores are by one view" in result.err and "are not kept" in result.err
    values = json.loads(run_cli("evaluate", finished, "--tta", "mirror", "--json").out)
    assert (values["tta"], values["average"]) == ("mirror", "probs")
    assert (finished / "eval.json").read_bytes() == before
    own = run_cli("evaluate", finished)
    assert "360 images\n" in own.out and not own.err


def test_the_first_images_are_printed_by_themselves(run_cli, tmp_path, tiny):
    run = run_cli("train", "convnet_mnist", *tiny, "--set", "evaluation.first=256", "--out", tmp_path)
    path = run.out.strip()
    (first,) = [json.loads(run_cli("evaluate", path, "--json").out)["first"]]
    text = run_cli("evaluate", path).out
    assert f"top1 on the first 256 images alone {first['top1']:.2%} (" in text


@pytest.fixture
def pictures(tmp_path):
    test = load_data("digits", splits=("test",))["test"]
    for index in range(3):
        digit = test.images[index, 0].numpy()
        page = np.full((60, 60), 255, np.uint8)
        page[14:46, 14:46] = 255 - np.kron(digit, np.ones((4, 4), np.uint8))
        Image.fromarray(page).save(tmp_path / f"{index}.png")
    Image.new("L", (40, 40), 255).save(tmp_path / "blank.png")
    return tmp_path


def test_predict_names_each_file_and_refuses_a_blank_one(run_cli, finished, pictures):
    result = run_cli("predict", finished, pictures)
    lines = result.out.splitlines()
    assert len(lines) == 4 and result.code == 1
    assert "blank" in lines[3] and "%" not in lines[3]
    assert all(re.search(r"\.png: \d \d+\.\d\d%", line) for line in lines[:3])


def test_predict_by_two_views(run_cli, finished, pictures):
    one, two = (
        json.loads(run_cli("predict", finished, pictures / "0.png", "--json", *options).out)
        for options in ([], ["--tta", "mirror", "--average", "logits"])
    )
    assert one != two and one[0]["file"] == two[0]["file"]


def test_predict_as_csv_and_json(run_cli, finished, pictures):
    rows = list(csv.DictReader(io.StringIO(run_cli("predict", finished, pictures / "0.png", "--csv").out)))
    (answer,) = json.loads(run_cli("predict", finished, pictures / "0.png", "--json").out)
    assert rows[0]["label1"] == answer["labels"][0]["label"]
    assert float(rows[0]["prob1"]) == pytest.approx(answer["labels"][0]["prob"], abs=1e-6)


def test_compare_trains_what_is_missing_and_only_that(run_cli, tmp_path, tiny):
    arguments = ["compare", "convnet_mnist", "alexnet_mnist3", *tiny, "--seeds", "1", "--out", tmp_path]
    first = run_cli(*arguments)
    assert first.code == 0 and "alexnet_mnist3" in first.out
    folders = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    assert len(folders) == 2
    second = run_cli(*arguments, "--json")
    assert sorted(path for path in tmp_path.iterdir() if path.is_dir()) == folders
    values = json.loads(second.out)
    assert [result["name"] for result in values["networks"]] == ["convnet_mnist", "alexnet_mnist3"]
    assert {"comparison.json", "comparison.csv", "comparison.md"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_runs(run_cli, finished, tmp_path):
    (row,) = json.loads(run_cli("runs", "--out", finished.parent, "--json").out)
    assert (row["run"], row["state"], row["step"]) == (str(finished), "evaluated", 12)
    assert finished.name in run_cli("runs", "--out", finished.parent).out
    empty = run_cli("runs", "--out", tmp_path)
    assert empty.code == 0 and "no runs" in empty.err


def test_models(run_cli):
    rows = json.loads(run_cli("models", "--json").out)
    assert {row["name"]: row["parameters"] for row in rows}["lenet5"] == 61_706
    assert "resnet110" in run_cli("models").out
    assert [row["name"] for row in json.loads(run_cli("models", "--pattern", "lenet*", "--json").out)] == [
        "lenet5"
    ]


def test_models_show(run_cli):
    values = json.loads(run_cli("models", "show", "alexnet_mnist5", "--json").out)
    assert values["parameters"] == sum(layer["parameters"] for layer in values["layers"]) == 4_412_810
    text = run_cli("models", "show", "alexnet_mnist5").out
    assert "[N, 28, 28, 64]" in text and "4,412,810" in text
    wide = json.loads(run_cli("models", "show", "alexnet_mnist3", "--set", "dense2=1024", "--json").out)
    assert wide["parameters"] == 5_624_842


def test_recipes(run_cli):
    names = [row["name"] for row in json.loads(run_cli("recipes", "--json").out)]
    for name in names:
        RunConfig.from_toml(run_cli("recipes", "show", name).out, source=name)
    assert "lenet5" in names


def test_data(run_cli):
    rows = json.loads(run_cli("data", "--json").out)
    assert [row["name"] for row in rows] == ["digits", "mnist", "fashion-mnist", "cifar10"]
    assert "1,257" in run_cli("data").out


def test_data_check_finds_what_is_wrong(run_cli, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(12):
            shade = np.full((9, 9, 3), index * 9 + (name == "dog"), np.uint8)
            Image.fromarray(shade).save(tmp_path / name / f"{index}.png")
    (tmp_path / "dog" / "copy.png").write_bytes((tmp_path / "dog" / "3.png").read_bytes())
    clean = run_cli("data", "check", tmp_path)
    assert clean.code == 0 and "duplicate pairs in all: 1" in clean.out
    whole = (tmp_path / "cat" / "5.png").read_bytes()
    (tmp_path / "cat" / "5.png").write_bytes(whole[: len(whole) // 2])
    damaged = run_cli("data", "check", tmp_path, "--json")
    assert damaged.code == 1
    assert [item["file"] for item in json.loads(damaged.out)["unreadable"]] == ["cat/5.png"]


def test_doctor(run_cli):
    findings = json.loads(run_cli("doctor", "--json").out)
    assert {"python", "torch", "threads", "bf16", "data digits"} <= {finding["topic"] for finding in findings}
    assert "threads" in run_cli("doctor").out


def test_help_of_every_command(run_cli):
    listed = run_cli("--help")
    assert listed.code == 0
    for name in (
        "train",
        "resume",
        "evaluate",
        "predict",
        "compare",
        "runs",
        "models",
        "recipes",
        "data",
        "doctor",
    ):
        assert name in listed.out
        assert run_cli(name, "--help").code == 0


def test_version(run_cli):
    assert re.fullmatch(r"cnnlab \d+\.\d+\.\d+\n", run_cli("--version").out)


def test_help_is_quick_and_does_not_import_torch():
    code = (
        "import sys, time; start = time.process_time()\n"
        "from cnnlab.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(time.process_time() - start, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    best = 9.0
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds, *imported = done.stdout.splitlines()[-1].split()
        assert imported == ["False", "False"]
        best = min(best, float(seconds))
    assert best < 0.3


def test_lr_find_prints_a_table_and_a_rate(run_cli, tmp_path):
    arguments = ["lr-find", "convnet_mnist", "--data", "digits", "--threads", "1", "--out", tmp_path]
    result = run_cli(*arguments)
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].split() == ["rate", "loss,", "smoothed"]
    assert 10 < len(lines) < 25
    rate = float(re.search(r"^suggested: --lr (\S+), where it falls fastest$", result.out, re.MULTILINE)[1])
    assert lines[-1] == f"saved: {tmp_path / 'lr-find.png'}, {tmp_path / 'lr-find.json'}"
    values = json.loads(run_cli(*arguments, "--json").out)
    assert values["suggestion"] == rate
    assert {path.name for path in tmp_path.iterdir()} == {"lr-find.png", "lr-find.json"}
    train = run_cli(
        "train",
        "convnet_mnist",
        "--data",
        "digits",
        "--lr",
        rate,
        "--steps",
        "3",
        "--threads",
        "1",
        "--no-test",
        "--out",
        tmp_path / "runs",
    )
    assert train.code == 0


def test_lr_find_without_a_fall_suggests_none(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--highest", "1e-5", "--steps", "20", "--threads", "1"]
    for form in ([], ["--json"]):
        result = run_cli("lr-find", "convnet_mnist", "--data", "digits", *options, *form)
        assert result.code == 1
        assert result.err.splitlines()[-1].startswith("Error: convnet_mnist: the loss never fell by 10 %")
        assert "; raise --highest or give more --steps. Received: --highest 1e-05" in result.err
    assert json.loads(result.out)["suggestion"] is None
    assert not list(tmp_path.iterdir())


def test_lr_find_that_begins_too_high_is_told_to_begin_lower(run_cli, monkeypatch):
    lrs, losses = tuple(range(1, 17)), (*[2.3] * 12, 9.0, 30.0, 80.0, 1e3)
    sweep = LrSweep(lrs, losses, has_exploded=True, batch_size=32)
    monkeypatch.setattr(cnnlab.lab, "lr_find", lambda *_, **__: sweep)
    result = run_cli("lr-find", "convnet_mnist", "--lowest", "0.5", "--highest", "1e4")
    assert (result.code, result.err.splitlines()[-1]) == (
        1,
        "Error: convnet_mnist: the loss exploded at 16 without having fallen by 10 %, so no rate is "
        "suggested; give a lower --lowest, or more --steps. Received: --lowest 0.5, --steps 100.",
    )
