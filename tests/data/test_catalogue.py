import pytest

from cnnlab.data import DATASETS, list_datasets, load_data


def test_listed_with_what_is_here(shared_data):
    folder = shared_data("mnist", "fashion-mnist", "cifar10")
    listings = list_datasets(root=folder)
    assert [listing.info.name for listing in listings] == ["digits", "mnist", "fashion-mnist", "cifar10"]
    assert all(listing.is_present for listing in listings)
    assert listings[0].place == "installed"
    assert listings[1].place == str(folder / "MNIST" / "raw")


def test_listed_with_what_is_not_here(tmp_path):
    assert [listing.is_present for listing in list_datasets(root=tmp_path)] == [True, False, False, False]


@pytest.mark.parametrize("name", DATASETS)
def test_the_catalogue_says_what_is_loaded(name, shared_data):
    info = DATASETS[name]
    sets = load_data(name, root=shared_data(name) if info.file_sets else None, download=False)
    assert [len(sets[split]) for split in ("train", "val", "test")] == [
        info.num_train,
        info.num_val,
        info.num_test,
    ]
    assert sets["val"].images.shape[1:] == info.shape
    assert sets["val"].class_names == info.class_names and sets["val"].is_digits == info.is_digits
