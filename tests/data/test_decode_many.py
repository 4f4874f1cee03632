import threading
import warnings

import pytest
from PIL import Image

from cnnlab.data import check_data, load_data
from cnnlab.data.images import decode_many as module
from cnnlab.data.images.decode_many import decode_many
from cnnlab.errors import DataError


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 3)


def odd(number: int) -> int:
    if number % 2 == 0:
        raise DataError(f"{number} is even.")
    return 10 * number


@pytest.mark.parametrize("num", [0, 1, 3, 10])
def test_all_come_in_their_order_and_errors_among_them(num):
    found = list(decode_many(range(num), odd))
    assert [number for number, _result in found] == list(range(num))
    for number, result in found:
        assert str(result) == f"{number} is even." if number % 2 == 0 else result == 10 * number


def test_what_is_no_data_error_is_not_caught():
    with pytest.raises(ZeroDivisionError):
        list(decode_many([1, 0], lambda number: 1 // number))


def test_little_is_decoded_ahead_and_nothing_runs_while_the_caller_has_its_turn():
    running = []

    def decode(number: int) -> int:
        running.append(number)
        return number

    iterator = decode_many(range(100), decode)
    next(iterator)
    assert sorted(running) == [0, 1, 2]
    iterator.close()
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def make_folder(root):
    """Make images whose EXIF block is cut off, which Pillow warns about."""
    exif = Image.Exif()
    exif[0x010E] = "x" * 50
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(
                root / name / f"{number}.jpg", exif=exif.tobytes()[:-40]
            )
    return root


@pytest.mark.parametrize("read", [check_data, load_data])
def test_pillows_warnings_stay_inside_and_the_callers_filters_as_they_are(tmp_path, monkeypatch, read):
    before = list(warnings.filters)
    seen = []

    def watched(files, decode):
        for pair in decode_many(files, decode):
            seen.append(list(warnings.filters) == before)
            yield pair

    monkeypatch.setattr("cnnlab.data.check.decode_many", watched)
    monkeypatch.setattr("cnnlab.data.sources.folder_images.decode_many", watched)
    read(make_folder(tmp_path / "pets"))
    assert len(seen) == 10 and all(seen)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_data(tmp_path / "pets")
    assert caught == []
