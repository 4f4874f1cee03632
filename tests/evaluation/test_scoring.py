import json

import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix

from cnnlab.data import make_dataset
from cnnlab.errors import ConfigError, DataError
from cnnlab.evaluation import load_run, predict_probs, score, wilson_interval

NAMES = tuple("abcdefghij")


def some_images(num=200):
    generator = torch.Generator().manual_seed(5)
    images = torch.randint(0, 256, (num, 1, 28, 28), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (num,), generator=generator)
    return images, labels


@pytest.fixture
def run(make_run):
    return load_run(make_run().path)


def test_scores_fit_the_answers(run):
    images, labels = some_images()
    dataset = make_dataset("some", "test", images, labels, NAMES)
    evaluation = score(run, dataset)
    values = evaluation.as_dict()
    predicted = evaluation.probs.argmax(1)
    assert values["top1"] == accuracy_score(labels, predicted)
    assert values["confusion_matrix"] == confusion_matrix(labels, predicted, labels=range(10)).tolist()
    assert values["top1_interval"][0] < values["top1"] < values["top1_interval"][1]
    assert values["num_images"] == 200 == sum(row["num_images"] for row in values["per_class"].values())
    assert tuple(values["per_class"]) == NAMES
    assert (values["data"], values["split"], values["fingerprint"]) == ("some", "test", dataset.fingerprint)
    assert values["top1"] <= values["top5"] <= 1 and values["loss"] > 0 and 0 <= values["ece"] <= 1
    assert values["seconds"] > 0
    json.dumps(values, allow_nan=False)


def test_permuted_classes_are_bound_by_name(run):
    images, labels = some_images()
    order = torch.tensor([3, 1, 4, 0, 5, 9, 2, 6, 8, 7])
    names = tuple(NAMES[index] for index in order)
    place = torch.argsort(order)  # where a class of the run stands in the permuted list
    straight = score(run, make_dataset("some", "test", images, labels, NAMES))
    permuted = score(run, make_dataset("some", "test", images, place[labels], names))
    assert permuted.scores == straight.scores
    assert torch.equal(permuted.labels, straight.labels)
    assert permuted.class_names == NAMES


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES[:9], "missing: 'j'"),
        ((*NAMES, "k"), "not known to the run: 'k'"),
        ((*NAMES[:9], "z"), "missing: 'j'; not known to the run: 'z'"),
        ((*NAMES[:9], "J"), "missing: 'j'; not known to the run: 'J'"),
        ((*NAMES, "a"), "a name is there twice"),
    ],
)
def test_other_classes_are_refused_by_name(run, names, message):
    images, labels = some_images()
    with pytest.raises(DataError, match=message) as error:
        score(run, make_dataset("some", "test", images, labels.clamp(max=8), names))
    assert "\n" not in str(error.value)


def test_an_empty_split_is_refused(run):
    images, labels = some_images(0)
    with pytest.raises(DataError, match="no test images"):
        score(run, make_dataset("some", "test", images, labels, NAMES))


def test_the_first_images_are_scored_by_themselves_too(run):
    images, labels = some_images()
    dataset = make_dataset("some", "test", images, labels, NAMES)
    values = score(run, dataset, first=64).as_dict()
    num_correct = int((predict_probs(run, images[:64]).argmax(1) == labels[:64]).sum())
    interval = wilson_interval(num_correct, 64)
    assert values["first"] == {
        "num_images": 64,
        "top1": num_correct / 64,
        "top1_interval": [interval.low, interval.high],
    }
    plain = score(run, dataset).as_dict()
    assert plain["first"] is None
    assert values == plain | {"first": values["first"], "seconds": values["seconds"]}
    everything = score(run, dataset, first=200).as_dict()
    assert everything["first"]["top1"] == everything["top1"]
    assert everything["first"]["top1_interval"] == everything["top1_interval"]


def test_more_first_images_than_there_are_is_refused(run):
    images, labels = some_images()
    with pytest.raises(ConfigError, match=r"evaluation\.first: some has 200 test images.*Received: 256\."):
        score(run, make_dataset("some", "test", images, labels, NAMES), first=256)


def test_scores_say_how_the_views_were_averaged(run):
    images, labels = some_images()
    dataset = make_dataset("some", "test", images, labels, NAMES)
    evaluation = score(run, dataset, tta="mirror", average="logits")
    expected = predict_probs(run, images, tta="mirror", average="logits")
    assert evaluation.probs.equal(expected) and not score(run, dataset).probs.equal(expected)
    values = evaluation.as_dict()
    assert (values["tta"], values["average"]) == ("mirror", "logits")
    assert (score(run, dataset).tta, score(run, dataset).average) == ("none", "probs")
