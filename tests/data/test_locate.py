from pathlib import Path

import pytest

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
    assert data_roots(str(own_cache)) == (own_cache, own_cache)


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
