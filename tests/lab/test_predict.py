import csv
import io
import json
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.data import load_data
from cnnlab.errors import ConfigError, MissingResourceError, RunError
from cnnlab.evaluation import load_run, predict_probs
from cnnlab.lab import predict as predict_verb
from cnnlab.lab.predict import Prediction, iter_predictions, predict, prepare_image, write_csv, write_json

module = import_module("cnnlab.lab.predict")  # `cnnlab.lab.predict` is the verb


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", splits=["test"])["test"]


@pytest.fixture
def pictures(tmp_path, digits):
    """A folder with the first 12 test digits as PNG files, and their paths."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for index in range(12):
        place = folder / "more" if index >= 8 else folder
        Image.fromarray(digits.images[index, 0].numpy()).save(place / f"{index:02}.png")
    return folder


def test_labels_are_those_of_the_network(run, pictures, digits):
    predictions = predict(run.path, pictures)
    loaded = load_run(run.path)
    probs = predict_probs(loaded, digits.images[:12])
    assert len(predictions) == 12
    for prediction, row in zip(predictions, probs, strict=True):
        expected = [loaded.class_names[index] for index in row.argsort(descending=True)[:3]]
        assert [label for label, _ in prediction.labels] == expected
        assert [prob for _, prob in prediction.labels] == pytest.approx(
            sorted(row.tolist())[:-4:-1], abs=1e-6
        )
        assert prediction.error is None
    right = [p.labels[0][0] == str(int(label)) for p, label in zip(predictions, digits.labels, strict=False)]
    assert sum(right) >= 10


def test_the_batch_size_changes_nothing(run, pictures, monkeypatch):
    whole = predict(run.path, pictures)
    monkeypatch.setattr(module, "BATCH_SIZE", 5)
    for one, other in zip(whole, predict(run.path, pictures), strict=True):
        assert one.file == other.file
        assert [label for label, _ in one.labels] == [label for label, _ in other.labels]


def test_files_are_decoded_as_answers_are_taken(run, pictures, monkeypatch):
    decoded = []

    def note(loaded, file):
        decoded.append(file)
        return prepare_image(loaded, file)

    monkeypatch.setattr(module, "BATCH_SIZE", 4)
    monkeypatch.setattr(module, "prepare_image", note)
    answers = iter_predictions(run.path, pictures)
    assert not decoded
    next(answers)
    assert len(decoded) == 8 < len(list(pictures.iterdir()))  # those asked for, and as many ahead


def test_a_bad_file_is_named_and_the_scan_goes_on(run, pictures):
    (pictures / "03a.png").write_bytes((pictures / "03.png").read_bytes()[:40])
    (pictures / "04a.jpg").write_text("no image\n")
    Image.new("L", (60, 60), 255).save(pictures / "05a.png")
    predictions = {
        prediction.file.rpartition("/")[2]: prediction for prediction in predict(run.path, pictures)
    }
    assert len(predictions) == 15
    bad = {name: prediction.error for name, prediction in predictions.items() if prediction.error}
    assert sorted(bad) == ["03a.png", "04a.jpg", "05a.png"]
    assert all(name in (error or "") and "\n" not in (error or "") for name, error in bad.items())
    assert "nothing stands out" in (bad["05a.png"] or "")
    assert all(len(prediction.labels) == 3 for name, prediction in predictions.items() if name not in bad)


def test_only_bad_files_give_only_errors(run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (prediction,) = predict(run.path, tmp_path / "a.png")
    assert prediction.labels == () and prediction.error


def test_sources_are_files_folders_and_patterns(run, pictures):
    names = lambda sources: [p.file.rpartition("/")[2] for p in predict(run.path, sources)]  # noqa: E731
    assert names(pictures / "more") == ["08.png", "09.png", "10.png", "11.png"]
    assert names(str(pictures / "0[12].png")) == ["01.png", "02.png"]
    assert names(str(pictures / "**" / "1*.png")) == ["10.png", "11.png"]
    assert names([pictures / "05.png", pictures / "more", str(pictures / "05.png")])[:2] == [
        "05.png",
        "08.png",
    ]
    assert len(names([pictures / "05.png", pictures])) == 12  # none twice
    assert names([pictures])[:9] == [f"{n:02}.png" for n in range(9)]


def test_hidden_and_other_files_are_passed_over(run, pictures):
    (pictures / ".hidden.png").write_bytes(b"x")
    (pictures / ".cache").mkdir()
    (pictures / ".cache" / "x.png").write_bytes(b"x")
    (pictures / "notes.txt").write_text("x")
    assert all(prediction.error is None for prediction in predict(run.path, pictures))


def test_a_file_with_brackets_in_its_name_is_a_file(run, pictures):
    (pictures / "00.png").rename(pictures / "a[1].png")
    (prediction,) = predict(run.path, pictures / "a[1].png")
    assert prediction.error is None


@pytest.mark.parametrize("source", ["nowhere.png", "*.png", "empty"])
def test_no_file_is_an_error_before_anything_runs(run, tmp_path, source):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingResourceError, match=r"no such file|no images in this folder") as error:
        iter_predictions(run.path, str(tmp_path / source))
    assert error.value.exit_code == 3


def test_top_k_is_at_least_one_and_at_most_all(run, pictures):
    (prediction,) = predict(run.path, pictures / "00.png", top_k=50)
    assert len(prediction.labels) == 10
    assert sum(prob for _, prob in prediction.labels) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ConfigError, match="top_k"):
        predict(run.path, pictures, top_k=0)


def test_an_unfinished_run_is_refused(run, pictures):
    run.weights.unlink()
    with pytest.raises(RunError, match="has not finished"):
        predict(run.path, pictures)


def test_a_dark_digit_on_paper_is_turned_and_centred(run, pictures, digits):
    # The same digit, drawn dark on light in the corner of a large sheet.
    paper = np.full((300, 200), 230, dtype=np.uint8)
    digit = np.kron(digits.images[0, 0].numpy(), np.ones((12, 12), dtype=np.uint8))
    paper[40:136, 20:116] -= (digit * 0.7).astype(np.uint8)
    Image.fromarray(paper).save(pictures / "photo.png")
    loaded = load_run(run.path)
    prepared = prepare_image(loaded, pictures / "photo.png")
    assert prepared.shape == (1, 8, 8) and prepared.dtype == torch.uint8
    likeness = np.corrcoef(prepared.flatten().numpy(), digits.images[0].flatten().numpy())[0, 1]
    assert likeness > 0.8


def test_an_enlarged_small_digit_is_prepared_as_in_training(run, pictures):
    loaded = load_run(run.path)
    small = prepare_image(loaded, pictures / "00.png")
    large = prepare_image(replace(loaded, image_size=28), pictures / "00.png")
    expected = load_data("digits", splits=["test"], image_size=28)["test"].images[0]
    assert small.shape == (1, 8, 8)
    assert torch.equal(large, expected)


def test_other_networks_take_the_central_square_in_their_channels(run, pictures):
    pixels = np.zeros((20, 40, 3), dtype=np.uint8)
    pixels[:, 10:30] = (10, 200, 30)
    Image.fromarray(pixels).save(pictures / "wide.png")
    loaded = replace(load_run(run.path), is_digits=False)
    grey = prepare_image(loaded, pictures / "wide.png")
    assert grey.shape == (1, 8, 8) and grey.unique().numel() == 1
    colour = prepare_image(replace(loaded, in_channels=3), pictures / "wide.png")
    assert colour.shape == (3, 8, 8)
    assert [int(channel.unique()) for channel in colour] == [10, 200, 30]


def test_grey_pictures_for_a_colour_network_are_said_once(run, pictures, monkeypatch):
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    pixels[2:6, 3:5] = (250, 240, 230)
    Image.fromarray(pixels).save(pictures / "00.png")  # the first is colour, and one cannot be read
    (pictures / "01.png").write_bytes(b"damaged")
    monkeypatch.setattr(module, "BATCH_SIZE", 5)
    grey, loaded, said = load_run(run.path), load_run(run.path), []
    conv = loaded.model.features[0]
    conv.weight = torch.nn.Parameter(conv.weight.expand(-1, 3, -1, -1) / 3, requires_grad=False)
    colour = replace(loaded, in_channels=3, mean=loaded.mean * 3, std=loaded.std * 3)
    assert len(list(iter_predictions(colour, pictures, warn=said.append))) == 12
    assert said == [
        f"{pictures / '02.png'}: is grey and is made colour, which the network takes, as is any other grey "
        "picture."
    ]
    said.clear()
    list(iter_predictions(colour, pictures / "00.png", warn=said.append))  # colour for colour
    list(iter_predictions(grey, pictures, warn=said.append))  # all for a network of grey images
    assert said == []


@pytest.mark.parametrize("average", ["probs", "logits"])
def test_several_views_of_a_picture(run, pictures, digits, average):
    loaded = load_run(run.path)
    probs = predict_probs(loaded, digits.images[:12], tta="mirror", average=average)
    answers = predict(run.path, pictures, tta="mirror", average=average)
    for answer, row in zip(answers, probs, strict=True):
        assert answer.labels[0] == (loaded.class_names[int(row.argmax())], pytest.approx(row.max().item()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tta": "ten-crop"}, "ten-crop needs images larger than the 8 x 8"),
        ({"tta": "mirrored"}, "there is no tta 'mirrored'. Did you mean 'mirror'?"),
        ({"average": "x"}, "there is no average 'x'"),
        ({"average": "logits"}, r"average: one view has no average, .*average=logits, tta=none\."),
        ({"average": "logits", "tta": "centre"}, r"Received: average=logits, tta=centre\."),
    ],
)
def test_views_that_there_are_not_are_refused_before_a_picture_is_read(run, options, message):
    with pytest.raises(ConfigError, match=message):
        iter_predictions(run.path, "nowhere.png", **options)


def test_csv_and_json_hold_the_same():
    predictions = [
        Prediction("a,b.png", (("cat", 0.75), ("dog", 0.25)), None),
        Prediction('c".png', (), 'c".png: is damaged.'),
    ]
    table = io.StringIO()
    write_csv(predictions, table, top_k=2)
    first, second = csv.DictReader(io.StringIO(table.getvalue()))
    assert list(first) == ["file", "label1", "prob1", "label2", "prob2", "error"]
    assert list(first.values()) == ["a,b.png", "cat", "0.750000", "dog", "0.250000", ""]
    assert second["file"] == 'c".png' and second["label1"] == "" and second["error"] == 'c".png: is damaged.'
    text = io.StringIO()
    write_json(iter(predictions), text)
    values = json.loads(text.getvalue())
    assert values[0]["labels"] == [{"label": "cat", "prob": 0.75}, {"label": "dog", "prob": 0.25}]
    assert values[1] == {"file": 'c".png', "labels": [], "error": 'c".png: is damaged.'}


def test_fewer_classes_than_top_k_keep_the_columns():
    table = io.StringIO()
    write_csv([Prediction("a.png", (("cat", 1.0),), None)], table, top_k=3)
    (row,) = csv.DictReader(io.StringIO(table.getvalue()))
    assert (row["label1"], row["label2"], row["error"]) == ("cat", "", "")


def test_no_predictions_are_still_json():
    text = io.StringIO()
    write_json([], text)
    assert json.loads(text.getvalue()) == []


def test_the_verb_of_the_lab_is_this_one():
    assert predict_verb is predict
