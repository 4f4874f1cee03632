import os
from pathlib import Path

import pytest

from cnnlab.data.sources import download
from cnnlab.data.sources.locate import Places, cache_folder, data_roots, find_files, obtain_files
from cnnlab.data.sources.published import FileSet, PublishedFile
from cnnlab.errors import MissingResourceError

FILES = tuple(PublishedFile(name, 1, "", "", ()) for name in ("a.gz", "b.gz"))
FILE_SET = FileSet("fake", ("Fake/raw", "fake"), True, FILES)


def put(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


def test_roots(tmp_path, monkeypatch, own_cache):
    assert data_roots(None) == (own_cache,)
    assert data_roots(tmp_path) == (tmp_path, own_cache)
    monkeypatch.setenv("CNNLAB_DATA_ROOT", str(tmp_path))
    assert data_roots(None) == (tmp_path, own_cache)
    assert data_roots(str(tmp_path) + "/") == (tmp_path, own_cache)


def test_all_roots_that_are_given_are_searched_the_cache_last(tmp_path, monkeypatch, own_cache):
    given, variable = tmp_path / "given", tmp_path / "variable"
    given.mkdir(), variable.mkdir()
    monkeypatch.setenv("CNNLAB_DATA_ROOT", str(variable))
    assert data_roots(given) == (given, variable, own_cache)
    assert data_roots(own_cache) == (variable, own_cache)  # downloads go into the last
    monkeypatch.setenv("CNNLAB_DATA_ROOT", str(tmp_path / "given" / ".." / "given"))
    assert data_roots(given) == (given, own_cache)


def test_each_root_that_is_given_must_be_a_folder(tmp_path, monkeypatch):
    with pytest.raises(MissingResourceError, match=r"^data\.root: must be a folder that exists"):
        data_roots(tmp_path / "none")
    monkeypatch.setenv("CNNLAB_DATA_ROOT", str(tmp_path / "none"))
    with pytest.raises(MissingResourceError, match=r"^CNNLAB_DATA_ROOT: must be a folder that exists"):
        data_roots(tmp_path)


@pytest.mark.parametrize("name", ["~nobody-of-this-name/data", "x" * 5000, "a\0b"])
def test_what_can_be_no_folder_is_refused_in_one_line(name):
    with pytest.raises(MissingResourceError, match=r"^data\.root: ") as caught:
        data_roots(name)
    assert "\n" not in str(caught.value)


def test_the_users_cache_where_nothing_is_said(monkeypatch):
    monkeypatch.delenv("CNNLAB_CACHE")
    assert cache_folder().name == "cnnlab"


def test_the_first_folder_that_has_all_files_is_taken(tmp_path):
    first, second = tmp_path / "1", tmp_path / "2"
    put(first / "Fake" / "raw", "a.gz")
    put(second / "fake", "a.gz", "b")
    found = find_files(FILE_SET, ["a.gz", "b.gz"], [first, second])
    assert found == {"a.gz": second / "fake" / "a.gz", "b.gz": second / "fake" / "b"}
    assert find_files(FILE_SET, ["a.gz"], [first, second]) == {"a.gz": first / "Fake" / "raw" / "a.gz"}


def test_names_of_their_own_may_lie_in_the_root(tmp_path):
    put(tmp_path, "a.gz", "b.gz")
    assert find_files(FILE_SET, ["a.gz", "b.gz"], [tmp_path])
    shared = FileSet("fake", ("fake",), False, FILES)
    assert find_files(shared, ["a.gz", "b.gz"], [tmp_path]) is None


def test_downloading_off_is_said(tmp_path):
    with pytest.raises(MissingResourceError, match=r"a\.gz, b\.gz not found .* downloading is off"):
        obtain_files(FILE_SET, ["a.gz", "b.gz"], Places((tmp_path,), False, print))


def test_downloads_go_into_the_cache(tmp_path, own_cache, monkeypatch):
    lab = tmp_path / "lab"
    put(lab / "Fake" / "raw", "a.gz")  # half of the set, in a folder that is not ours to write to

    def download_file(file, folder, *, warn):
        put(folder, file.name)

    monkeypatch.setattr(download, "download_file", download_file)
    paths = obtain_files(FILE_SET, ["a.gz", "b.gz"], Places((lab, own_cache), True, print))
    assert paths == {name: own_cache / "Fake" / "raw" / name for name in ("a.gz", "b.gz")}
    assert not (lab / "Fake" / "raw" / "b.gz").exists()


def test_the_message_names_the_cache_and_the_data_root(tmp_path, own_cache):
    with pytest.raises(MissingResourceError) as caught:
        obtain_files(FILE_SET, ["a.gz"], Places((tmp_path, own_cache), False, print))
    message = str(caught.value)
    assert f"Put them into {own_cache / 'Fake' / 'raw'}" in message
    assert "Fake/raw/ with data.root or CNNLAB_DATA_ROOT" in message
    assert str(tmp_path / "Fake") not in message


def test_a_folder_that_may_not_be_entered_is_passed_over(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    put(first / "fake", "a.gz")
    put(second / "fake", "a.gz")
    stat = os.stat

    def refuse(path, *args, **kwargs):
        if str(path).startswith(str(first)):
            raise PermissionError(13, "Permission denied")
        return stat(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", refuse)
    assert find_files(FILE_SET, ["a.gz"], [first, second]) == {"a.gz": second / "fake" / "a.gz"}


def test_a_file_that_may_not_be_read_is_not_taken_for_the_published_one(tmp_path, monkeypatch):
    put(tmp_path, "a.gz")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert find_files(FileSet("fake", ("fake",), False, FILES), ["a.gz"], [tmp_path]) is None
