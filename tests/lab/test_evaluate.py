import json
from dataclasses import replace
from importlib import import_module
from unittest.mock import ANY

import pytest
import torch
from PIL import Image

from cnnlab.config import RunConfig
from cnnlab.data import load_data, normalise
from cnnlab.errors import CnnlabError, ConfigError, DataError, RunError
from cnnlab.evaluation import load_predictions, load_run, predict_probs
from cnnlab.lab import evaluate as evaluate_verb
from cnnlab.lab import train
from cnnlab.lab.evaluate import evaluate
from cnnlab.reporting import write_curves, write_samples
from cnnlab.runs import load_weights, save_weights
from cnnlab.training import SilentProgress
from some_scores import some_evaluation

reading = import_module("cnnlab.lab.splits")
scoring = import_module("cnnlab.lab.evaluate")  # `cnnlab.lab.evaluate` is the verb


@pytest.fixture
def no_data(monkeypatch):
    """Make looking at data an error."""

    def refuse(*args, **kwargs):
        raise AssertionError("data was looked at")

    monkeypatch.setattr(reading, "load_data", refuse)


def test_the_test_split_is_scored_and_kept(run):
    scores = evaluate(run.path)
    assert scores["top1"] > 0.9  # 60 steps suffice on these
    assert (scores["split"], scores["data"], scores["num_images"]) == ("test", "digits", 360)
    assert scores["fingerprint"] == load_data("digits", splits=["test"])["test"].fingerprint
    assert json.loads((run.path / "eval.json").read_text()) == scores
    stored = load_predictions(run)
    assert stored.is_correct.double().mean().item() == scores["top1"]
    assert stored.fingerprint == scores["fingerprint"]


def test_a_run_with_auxiliary_heads_is_evaluated_without_them(tmp_path):
    values = {
        "threads": 1,
        "precision": "float32",
        "model": {"name": "googlenet_small", "args": {"aux": True}},
        "data": {"name": "digits"},
        "train": {"steps": 4, "batch_size": 16, "ema_decay": 0.5, "keep": "best"},
    }
    config = RunConfig.from_dict(values, source="test")
    run = load_run(train(config, out=tmp_path, progress=SilentProgress()))
    assert len(run.model.auxiliary) == 2  # kept, should somebody train on
    for head in run.model.auxiliary.values():
        head.register_forward_hook(lambda *inputs: pytest.fail("an auxiliary head was used"))
    test = load_data("digits", splits=["test"])["test"]
    with torch.no_grad():
        logits = run.model(normalise(test.images, run.mean, run.std))
    found = (logits.argmax(1) == test.labels).double().mean().item()
    assert found == pytest.approx(evaluate(run.folder.path)["top1"], abs=1 / 360)


def test_the_test_split_is_looked_at_once(run, monkeypatch):
    first = evaluate(run.path)
    content = (run.path / "eval.json").read_bytes()

    def refuse(*args, **kwargs):
        raise AssertionError("data was looked at")

    monkeypatch.setattr(reading, "load_data", refuse)
    assert evaluate(str(run.path)) == first
    assert (run.path / "eval.json").read_bytes() == content


def test_pictures_are_drawn_with_the_score(run):
    evaluate(run.path)
    kept = {name: (run.path / name).read_bytes() for name in ("curves.png", "predictions.png")}
    test = load_data("digits", splits=["test"])["test"]
    write_curves(run)  # here the score is read from eval.json
    write_samples(run, test)
    assert {name: (run.path / name).read_bytes() for name in kept} == kept


@pytest.mark.parametrize("step", ["save_predictions", "write_samples", "write_curves"])
def test_where_eval_json_is_the_rest_is(run, monkeypatch, step):
    def fail(*args, **kwargs):
        raise CnnlabError("no space")

    monkeypatch.setattr(scoring, step, fail)
    with pytest.raises(CnnlabError, match="no space"):
        evaluate(run.path)
    assert run.evaluation is None
    monkeypatch.undo()
    assert evaluate(run.path)["num_images"] == 360
    files = {path.name for path in run.path.iterdir()}
    assert files >= {"eval.json", "predictions.safetensors", "predictions.png", "curves.png"}


def test_kept_scores_are_the_answer_even_if_they_are_strange(run, no_data):
    run.evaluation = some_evaluation(0.125)
    assert evaluate(run.path) == some_evaluation(0.125)


@pytest.mark.parametrize(("split", "num_images"), [("val", 180), ("train", 1257)])
def test_other_splits_are_computed_anew_and_not_kept(run, split, num_images):
    before = sorted(path.name for path in run.path.iterdir())
    scores = evaluate(run.path, split=split)
    assert (scores["split"], scores["num_images"]) == (split, num_images)
    assert sorted(path.name for path in run.path.iterdir()) == before


def test_val_is_what_training_validated_on(run):
    last = [line for line in run.read_metrics() if line["split"] == "val"][-1]
    assert evaluate(run.path, split="val")["top1"] == pytest.approx(last["top1"], abs=2 / 180)


def test_val_images_that_changed_since_are_refused(run):
    (run.path / "config.toml").write_bytes(run.config.with_changes({"data.split_seed": 1}).to_toml().encode())
    with pytest.raises(RunError, match="val images of digits are not those of the training"):
        evaluate(run.path, split="val")


def test_classes_are_bound_by_name(run, monkeypatch):
    plain = evaluate(run.path)
    (run.path / "eval.json").unlink()
    real = load_data("digits", splits=["test"])["test"]
    names = tuple(reversed(real.class_names))
    turned = replace(real, labels=9 - real.labels, class_names=names)
    monkeypatch.setattr(reading, "load_data", lambda *args, **kwargs: {"test": turned})
    assert evaluate(run.path)["confusion_matrix"] == plain["confusion_matrix"]
    (run.path / "eval.json").unlink()
    other = replace(real, class_names=(*real.class_names[:9], "nine"))
    monkeypatch.setattr(reading, "load_data", lambda *args, **kwargs: {"test": other})
    with pytest.raises(DataError, match="missing: '9'; not known to the run: 'nine'"):
        evaluate(run.path)
    assert run.evaluation is None


@pytest.fixture
def more_digits(tmp_path):
    """A folder of ten digits of each class, larger than the run's, in colour."""
    test = load_data("digits", splits=["test"])["test"]
    for place in range(100):
        image, label = test.images[place, 0].numpy(), int(test.labels[place])
        for split in ("train", "test"):
            file = tmp_path / "more" / split / str(label) / f"{place}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).convert("RGB").resize((24, 24)).save(file)
    return tmp_path / "more"


def test_another_data_set_is_scored_and_not_kept(run, more_digits):
    before = sorted(path.name for path in run.path.iterdir())
    scores = evaluate(run.path, data=str(more_digits))
    assert (scores["num_images"], scores["split"]) == (100, "test")
    assert scores["top1"] > 0.8
    assert sorted(path.name for path in run.path.iterdir()) == before
    run.evaluation = some_evaluation(0.125)  # the run's own scores are not those of other images
    assert evaluate(run.path, data=str(more_digits)) == scores | {"seconds": ANY}
    assert run.evaluation == some_evaluation(0.125)


@pytest.fixture
def colour_run(tmp_path):
    """A network for colour images that has seen a few digits made colour."""
    values = {
        "threads": 1,
        "model": {"name": "convnet_mnist"},
        "data": {"name": "digits", "channels": 3},
        "train": {"steps": 2},
    }
    config = RunConfig.from_dict(values, source="test")
    return train(config, out=tmp_path / "colour", progress=SilentProgress(), test=False)


def test_grey_images_for_a_colour_network_are_made_colour_and_this_is_said_once(colour_run, more_digits):
    said = []
    assert evaluate(colour_run, data="digits", warn=said.append)["num_images"] == 360
    assert said == ["digits: all 360 images are grey and are made colour, which the network takes."]
    said.clear()
    evaluate(colour_run, data=str(more_digits), warn=said.append)
    assert said == []
    for file in sorted((more_digits / "test").rglob("*.png"))[:7]:
        Image.open(file).convert("L").save(file)
    for _ in range(2):  # the second time they come from the cache
        said.clear()
        evaluate(colour_run, data=str(more_digits), warn=said.append)
        assert said == ["more: 7 of 100 images are grey and are made colour, which the network takes."]


def test_the_runs_own_data_by_name_gives_the_same_scores(run):
    own = evaluate(run.path)
    assert evaluate(run.path, data="digits") == own | {"seconds": ANY}


def test_another_data_set_needs_the_same_classes(run, more_digits):
    for split in ("train", "test"):
        (more_digits / split / "9").rename(more_digits / split / "nine")
    with pytest.raises(DataError, match="missing: '9'; not known to the run: 'nine'"):
        evaluate(run.path, data=str(more_digits))


def test_another_data_set_that_is_not_there_is_named(run):
    with pytest.raises(ConfigError, match="'digit' is neither a data set nor a folder here"):
        evaluate(run.path, data="digit")


def set_config(run, **changes):
    """Change settings of a run as an editor would; `__` stands for the dot."""
    config = run.config.with_changes({name.replace("__", "."): value for name, value in changes.items()})
    (run.path / "config.toml").write_text(config.to_toml())


@pytest.fixture
def cropped(run):
    """A run whose network takes windows of 8 pixels of digits that are brought to 11."""
    set_config(run, data__image_size=11, data__crop_size=8)
    tensors, description = load_weights(run.weights)
    description["preprocessing"]["image_size"] = 11
    save_weights(run.weights, tensors, description)
    return run


def test_scores_by_other_views_are_computed_anew_said_and_not_kept(run):
    own = evaluate(run.path)
    assert (own["tta"], own["average"], own["first"]) == ("none", "probs", None)
    before = {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    said = []
    scores = evaluate(run.path, tta="mirror", warn=said.append)
    assert (scores["tta"], scores["average"], scores["split"]) == ("mirror", "probs", "test")
    assert scores["loss"] != own["loss"] and scores["fingerprint"] == own["fingerprint"]
    assert said == [
        f"{run.path}: its own scores are by one view; these, by mirror, probabilities averaged, are not "
        "kept. Choose between views with --split val."
    ]
    logits = evaluate(run.path, tta="mirror", average="logits")
    assert logits["average"] == "logits" and logits["loss"] != scores["loss"]
    assert {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == before
    (run.path / "eval.json").unlink()
    assert evaluate(run.path, tta="mirror") == scores | {"seconds": ANY}
    assert run.evaluation is None


def test_a_choice_between_views_on_val_is_silent(run):
    said = []
    scores = evaluate(run.path, split="val", tta="mirror", average="logits", warn=said.append)
    assert (scores["split"], scores["tta"], scores["average"], said) == ("val", "mirror", "logits", [])


def test_the_runs_own_views_are_kept(run, monkeypatch):
    anew = evaluate(run.path, tta="mirror", average="logits")
    set_config(run, evaluation__tta="mirror", evaluation__average="logits")
    own = evaluate(run.path)
    assert own == anew | {"seconds": ANY} == run.evaluation
    test = load_data("digits", splits=["test"])["test"]
    stored = load_predictions(run)
    expected = predict_probs(load_run(run.path), test.images, tta="mirror", average="logits")
    assert torch.equal(stored.probs, expected)
    monkeypatch.setattr(reading, "load_data", None)
    assert evaluate(run.path) == evaluate(run.path, tta="mirror") == own


@pytest.mark.parametrize("asked", [{"tta": "none"}, {"tta": "centre"}, {"average": "logits"}])
def test_one_view_by_another_name_is_the_same_answer(run, no_data, asked):
    run.evaluation = some_evaluation(0.125)
    assert evaluate(run.path, **asked) == some_evaluation(0.125)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evaluation__tta": "mirror"}, "by one view, where config.toml asks for mirror, probabilities"),
        ({"evaluation__first": 256}, "one view, where config.toml asks for one view, the first 256 images"),
    ],
)
def test_kept_scores_that_the_config_does_not_ask_for_are_no_answer(run, no_data, changes, message):
    run.evaluation = some_evaluation(0.125)
    set_config(run, **changes)
    with pytest.raises(RunError, match=message) as caught:
        evaluate(run.path)
    line = str(caught.value)
    assert line.startswith(f"{run.path / 'eval.json'}: holds scores") and "\n" not in line


def test_the_first_images_are_those_of_the_test_split_alone(run):
    set_config(run, evaluation__first=100)
    scores = evaluate(run.path)
    stored = load_predictions(run)
    assert scores["first"]["num_images"] == 100
    assert scores["first"]["top1"] == stored.is_correct[:100].double().mean().item()
    assert evaluate(run.path) == scores
    assert evaluate(run.path, tta="mirror")["first"]["num_images"] == 100
    assert evaluate(run.path, split="val")["first"] is None
    assert evaluate(run.path, data="digits")["first"] is None


def test_windows_of_larger_images_are_scored(cropped):
    test = load_data("digits", splits=["test"], image_size=11)["test"]
    own = evaluate(cropped.path)
    middle = predict_probs(replace(load_run(cropped.path), image_size=8), test.images[:, :, 1:9, 1:9])
    assert torch.equal(load_predictions(cropped).probs, middle)
    ten = evaluate(cropped.path, tta="ten-crop")
    assert ten["tta"] == "ten-crop" and ten["loss"] != own["loss"]
    other = evaluate(cropped.path, data="digits", tta="ten-crop")
    assert other == ten | {"seconds": ANY}


@pytest.mark.parametrize("options", [{}, {"split": "val"}, {"data": "digits"}])
def test_ten_windows_without_room_are_refused_before_data_is_read(run, no_data, options):
    with pytest.raises(ConfigError, match=r"ten-crop needs images larger than the 8 x 8 pixels") as caught:
        evaluate(run.path, tta="ten-crop", **options)
    assert "--set data.image_size=10 --set data.crop_size=8, or choose mirror" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tta": "tencrop"}, "there is no tta 'tencrop'. Did you mean 'ten-crop'?"),
        ({"average": "logit"}, "there is no average 'logit'. Did you mean 'logits'?"),
        ({"tta": ""}, "there is no tta ''. Known: centre"),
    ],
)
def test_unknown_views_are_refused(run, no_data, options, message):
    run.evaluation = some_evaluation(0.125)
    with pytest.raises(ConfigError) as caught:
        evaluate(run.path, **options)
    assert message in str(caught.value)


def test_an_unknown_split_is_refused(run, no_data):
    with pytest.raises(ConfigError, match=r"no split 'tset'\. Did you mean 'test'\?"):
        evaluate(run.path, split="tset")


def test_an_unfinished_run_is_refused_before_data_is_read(run, no_data):
    run.weights.unlink()
    with pytest.raises(RunError, match="has not finished"):
        evaluate(run.path)


def test_the_verb_of_the_lab_is_this_one():
    assert evaluate_verb is evaluate


def test_the_threads_of_the_run_are_used(run):
    torch.set_num_threads(2)
    evaluate(run.path)
    assert torch.get_num_threads() == 1
