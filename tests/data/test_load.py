import pytest
import torch

from cnnlab.data import load_data
from cnnlab.errors import ConfigError, MissingResourceError


def test_splits_come_in_the_order_asked_for_and_only_those():
    assert list(load_data("digits", splits=["test", "train"])) == ["test", "train"]
    assert list(load_data("digits")) == ["train", "val", "test"]


def test_train_does_not_depend_on_what_else_is_asked_for():
    assert (
        load_data("digits", splits=["train"])["train"].fingerprint == load_data("digits")["train"].fingerprint
    )


def test_splits_share_no_image_place():
    sets = load_data("synthetic:1x4x4x300", val_size=77)
    assert len(sets["train"]) == 223 and len(sets["val"]) == 77
    rows = {split: {image.numpy().tobytes() for image in dataset.images} for split, dataset in sets.items()}
    assert not rows["train"] & rows["val"]


def test_some_of_the_training_images():
    whole, some = load_data("digits"), load_data("digits", train_size=100)
    for split in ("val", "test"):
        assert some[split].fingerprint == whole[split].fingerprint
    assert len(some["train"]) == 100 and some["train"].num_classes == 10
    places = {image.numpy().tobytes(): place for place, image in enumerate(whole["train"].images)}
    chosen = [places[image.numpy().tobytes()] for image in some["train"].images]
    assert chosen == sorted(chosen)
    assert torch.equal(whole["train"].labels[chosen], some["train"].labels)
    counts = whole["train"].labels.bincount()
    assert ((some["train"].labels.bincount() - counts * 100 / 1257).abs() < 1).all()


def test_which_training_images_depends_on_the_split_seed_alone():
    def fingerprint(**arguments) -> str:
        return load_data("digits", splits=["train"], train_size=50, **arguments)["train"].fingerprint

    assert fingerprint() == fingerprint(split_seed=0)
    assert fingerprint(split_seed=1) != fingerprint()
    again = load_data("digits", train_size=50)["train"].fingerprint
    assert again == fingerprint()  # whatever else is asked for


def test_all_training_images_are_all_of_them():
    whole = load_data("digits", splits=["train"])["train"].fingerprint
    assert load_data("digits", splits=["train"], train_size=1257)["train"].fingerprint == whole


def test_100_labels_of_mnist(shared_data):
    root = shared_data("mnist")
    train = load_data("mnist", root=root, splits=["train"], train_size=100, download=False)["train"]
    assert train.labels.bincount().tolist() == [10, 11, 10, 10, 10, 9, 10, 10, 10, 10]


def test_grey_images_that_were_made_colour_are_counted():
    grey, colour = load_data("digits", channels=3), load_data("synthetic:3x8x8x50", channels=3)
    assert {split: dataset.num_converted for split, dataset in grey.items()} == {
        "train": 1257, "val": 180, "test": 360
    }  # fmt: skip
    for sets in (colour, load_data("digits"), load_data("synthetic:3x8x8x50", channels=1)):
        assert all(dataset.num_converted == 0 for dataset in sets.values())


def test_image_size_and_channels():
    sets = load_data("synthetic:3x20x20x50", image_size=10, channels=1)
    assert all(dataset.images.shape[1:] == (1, 10, 10) for dataset in sets.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "minst"}, "Did you mean 'mnist'"),
        ({"name": "something"}, "neither a data set nor a folder"),
        ({"name": "x" * 5000}, "neither a data set nor a folder"),
        ({"name": ""}, "neither a data set nor a folder"),
        ({"name": "digits", "splits": ["trian"]}, "no split 'trian'. Did you mean 'train'"),
        ({"name": "digits", "channels": 2}, "data.channels: must be 1 (grey) or 3"),
        ({"name": "digits", "image_size": 0}, "data.image_size: must be at least 1"),
        ({"name": "digits", "val_size": 0}, "data.val_size"),
        ({"name": "digits", "val_size": 1437}, "may take 1 to 1436 of them. Received: 1437"),
        ({"name": "digits", "train_size": 9}, "data.train_size: digits has 1257 images to train on, of 10"),
        ({"name": "digits", "train_size": 1258}, "so it must be 10 to 1257. Received: 1258"),
        ({"name": "synthetic:3x2"}, "synthetic:CxHxWxN"),
    ],
)
def test_mistakes_are_one_line(arguments, message):
    with pytest.raises(ConfigError) as caught:
        load_data(**arguments)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["./none", "none/at/all", "~/none-at-all", "/none", "~nobody-of-this-name/x"]
)
def test_a_path_that_is_not_there_is_a_missing_resource(name):
    with pytest.raises(MissingResourceError, match="there is no folder") as caught:
        load_data(name)
    assert caught.value.exit_code == 3


def test_a_root_that_is_not_there_is_not_made(tmp_path, monkeypatch):
    with pytest.raises(MissingResourceError, match=r"data\.root: must be a folder that exists"):
        load_data("mnist", root=tmp_path / "mistyped", download=False)
    monkeypatch.setenv("CNNLAB_DATA_ROOT", str(tmp_path / "mistyped"))
    with pytest.raises(MissingResourceError, match="CNNLAB_DATA_ROOT: must be a folder that exists"):
        load_data("mnist", download=False)
    assert not (tmp_path / "mistyped").exists()


def test_the_data_root_variable_and_the_root(shared_data, tmp_path, monkeypatch):
    monkeypatch.setenv("CNNLAB_DATA_ROOT", str(shared_data("fashion-mnist")))
    found = load_data("fashion-mnist", splits=["test"], download=False)["test"]
    assert len(found) == 10_000 and not found.is_digits and found.class_names[9] == "Ankle boot"
    again = load_data("fashion-mnist", splits=["test"], root=tmp_path, download=False)["test"]
    assert again.fingerprint == found.fingerprint  # a root that lacks it hides no other


def test_cifar10_as_shared(shared_data):
    sets = load_data("cifar10", root=shared_data("cifar10"), download=False)
    assert {split: tuple(dataset.images.shape) for split, dataset in sets.items()} == {
        "train": (45_000, 3, 32, 32),
        "val": (5_000, 3, 32, 32),
        "test": (10_000, 3, 32, 32),
    }
    assert sets["test"].labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert torch.bincount(sets["val"].labels).tolist() == [500] * 10
    assert sets["train"].class_names[0] == "airplane"


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion-mnist", "cifar10"])
def test_what_the_authors_published_is_read_without_a_word(name, shared_data):
    lines: list[str] = []
    root = shared_data(name) if name != "digits" else None
    load_data(name, root=root, download=False, warn=lines.append)
    assert lines == []
