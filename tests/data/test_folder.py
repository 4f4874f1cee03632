import os
from pathlib import Path

import pytest

from cnnlab.data.sources.folder import Folder, scan_folder, split_folder
from cnnlab.errors import ConfigError, DataError


def make(root: Path, **classes: int) -> Path:
    """Make class folders with that many (empty) files each; a scan opens none of them."""
    for name, count in classes.items():
        folder = root.joinpath(*name.split("__"))
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{number:03}.png").touch()
    return root


def scan(root: Path) -> tuple[Folder, list[str]]:
    lines: list[str] = []
    return scan_folder(root, warn=lines.append), lines


def names(folder: Folder, **kwargs) -> dict[str, list[str]]:
    splits = split_folder(folder, **{"val_size": None, "split_seed": 0} | kwargs)
    return {split: [file.path for file in files] for split, files in splits.items()}


def test_class_names_are_sorted_and_labels_are_their_places(tmp_path):
    folder, lines = scan(make(tmp_path, dog=3, cat=4, Zebra=5))
    assert folder.class_names == ("Zebra", "cat", "dog")
    assert {file.path.split("/")[0]: file.label for file in folder.files["train"]} == {
        "Zebra": 0,
        "cat": 1,
        "dog": 2,
    }
    assert not folder.has_splits and lines == []


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    make(tmp_path, cat=3, dog=3)
    for hidden in (".git", "__MACOSX", ".ipynb_checkpoints"):
        (tmp_path / hidden).mkdir()
        (tmp_path / hidden / "a.png").touch()
    (tmp_path / "cat" / ".DS_Store").touch()
    (tmp_path / "cat" / "._000.png").touch()
    folder, lines = scan(tmp_path)
    assert folder.class_names == ("cat", "dog")
    assert len(folder.files["train"]) == 6 and lines == []


def test_other_files_are_named_once(tmp_path):
    make(tmp_path, cat=3, dog=3)
    for name in ("README.txt", "cat/notes.md", "stray.png"):
        (tmp_path / name).touch()
    folder, lines = scan(tmp_path)
    assert len(folder.files["train"]) == 6
    assert len(lines) == 1 and "3 files" in lines[0] and "README.txt" in lines[0]


def test_suffixes_in_any_case(tmp_path):
    make(tmp_path, cat=0, dog=3)
    for suffix in ("PNG", "JPG", "jpeg", "WebP", "bmp", "GIF", "tif", "TIFF"):
        (tmp_path / "cat" / f"x.{suffix}").touch()
    folder, _lines = scan(tmp_path)
    assert len([file for file in folder.files["train"] if file.label == 0]) == 8


def test_links_that_leave_the_folder_are_not_followed(tmp_path):
    outside = make(tmp_path / "outside", secret=3)
    root = make(tmp_path / "root", cat=3, dog=3)
    (root / "secret").symlink_to(outside / "secret")
    (root / "cat" / "secret.png").symlink_to(outside / "secret" / "000.png")
    (root / "cat" / "broken.png").symlink_to(root / "nowhere.png")
    (root / "cat" / "loop.png").symlink_to(root / "cat" / "loop.png")
    (root / "cat" / "inside.png").symlink_to(root / "dog" / "000.png")
    folder, lines = scan(root)
    assert folder.class_names == ("cat", "dog")
    assert [file.path for file in folder.files["train"] if file.label == 0][-1] == "cat/inside.png"
    assert len(folder.files["train"]) == 7
    assert "4 files" in lines[0]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({}, "two class folders or more. Received: none"),
        ({"cat": 3}, "two class folders or more. Received: 'cat'"),
        ({"cat": 3, "dog": 0}, "holds no image"),
        ({"data__cat": 3, "data__dog": 3}, "hold images only. Received: folders 'cat', 'dog'"),
        ({"val__cat": 3, "val__dog": 3, "bird": 3}, "beside val there may only be train and test"),
        ({"train__cat": 3, "train__dog": 3, "bird": 3}, "only be val and test. Received: 'bird'"),
        ({"train__cat": 3, "train__dog": 3, "test__cat": 3}, "two class folders or more"),
        (
            {"train__a": 3, "train__b": 3, "train__c": 3, "val__a": 1, "val__b": 1},
            "same class folders as train, but lacks 'c'",
        ),
        (
            {"train__a": 3, "train__b": 3, "test__a": 1, "test__b": 1, "test__c": 1},
            "same class folders as train, but adds 'c'",
        ),
        ({"val__a": 1, "val__b": 1, "test__a": 1, "test__c": 1}, "same class folders as val, but lacks 'b'"),
        (
            {"train__cat": 3, "train__dog": 3, "val__Cat": 1, "val__dog": 1},
            "lacks 'cat' and adds 'Cat'",
        ),
    ],
)
def test_what_could_go_wrong_silently_is_refused_in_one_line(tmp_path, classes, message):
    make(tmp_path, **classes)
    with pytest.raises(DataError) as caught:
        scan(tmp_path)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_permuted_split_folders_share_labels_by_name(tmp_path):
    folder, _lines = scan(make(tmp_path, train__b=3, train__a=2, val__a=1, val__b=2, test__b=1, test__a=4))
    assert folder.has_splits and folder.class_names == ("a", "b")
    for part in ("train", "val", "test"):
        for file in folder.files[part]:
            assert folder.class_names[file.label] == file.path.split("/")[1]
    assert {split: len(files) for split, files in names(folder).items()} == {"train": 5, "val": 3, "test": 5}


def test_without_train_the_others_serve_for_evaluation_alone(tmp_path):
    folder, _lines = scan(make(tmp_path, test__a=1, test__b=2))
    assert folder.has_splits and len(folder.files["test"]) == 3
    splits = split_folder(folder, ("test",), val_size=None, split_seed=0)
    assert splits == {"test": folder.files["test"]}
    with pytest.raises(DataError, match=r"has 'test' but no folder train, .* nothing for 'train', 'val'"):
        split_folder(folder, ("train", "val"), val_size=None, split_seed=0)


def test_a_split_takes_a_tenth_of_each_class_and_shares_nothing(tmp_path):
    folder, _lines = scan(make(tmp_path, few=3, many=100))
    splits = names(folder)
    counts = {
        split: [sum(path.startswith(name) for path in paths) for name in ("few", "many")]
        for split, paths in splits.items()
    }
    assert counts == {"train": [1, 81], "val": [1, 9], "test": [1, 10]}
    assert sorted(path for paths in splits.values() for path in paths) == [
        file.path for file in folder.files["train"]
    ]


def test_the_test_part_never_depends_on_the_seed(tmp_path):
    folder, _lines = scan(make(tmp_path, a=50, b=50))
    first, second = names(folder, split_seed=0), names(folder, split_seed=1)
    assert first["test"] == second["test"]
    assert first["val"] != second["val"]
    assert names(folder, split_seed=1) == second


def test_an_added_file_moves_at_most_one_image(tmp_path):
    root = make(tmp_path, a=55, b=50)
    before = names(scan(root)[0])["test"]
    (root / "a" / "new.png").touch()
    after = names(scan(root)[0])["test"]
    assert len(set(before) ^ set(after)) <= 2


def test_val_size_is_met_exactly(tmp_path):
    folder, _lines = scan(make(tmp_path, a=20, b=31))
    assert len(names(folder, val_size=17)["val"]) == 17


def test_a_missing_test_folder_is_cut_from_train(tmp_path):
    folder, _lines = scan(make(tmp_path, train__a=20, train__b=20, val__a=2, val__b=2))
    splits = names(folder)
    assert [len(splits[split]) for split in ("train", "val", "test")] == [36, 4, 4]
    assert all(path.startswith("train/") for path in splits["test"])


def test_too_few_images_are_refused(tmp_path):
    folder, _lines = scan(make(tmp_path, a=20, b=2))
    with pytest.raises(DataError, match=r"class .b. must have at least 3 images to be split\. Received: 2"):
        names(folder)


@pytest.mark.parametrize("val_size", [0, 36, 37, 1000])
def test_val_size_that_does_not_fit_is_refused(tmp_path, val_size):
    folder, _lines = scan(make(tmp_path, a=20, b=20))
    with pytest.raises(ConfigError, match=r"data\.val_size"):
        names(folder, val_size=val_size)


def test_val_size_that_empties_a_class_is_refused(tmp_path):
    folder, _lines = scan(make(tmp_path, a=200, b=3))
    with pytest.raises(ConfigError, match=r"data\.val_size: leaves no image of class 'b'"):
        names(folder, val_size=178)


def test_val_size_beside_a_val_folder_is_refused(tmp_path):
    folder, _lines = scan(make(tmp_path, train__a=20, train__b=20, val__a=2, val__b=2))
    with pytest.raises(ConfigError, match=r"data\.val_size: .* has a val folder"):
        names(folder, val_size=3)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user from whom a folder can be locked"
)
def test_a_folder_that_may_not_be_listed_is_named(tmp_path):
    make(tmp_path, a=3, b=3)
    (tmp_path / "a").chmod(0)
    with pytest.raises(DataError, match="cannot be listed"):
        scan(tmp_path)
