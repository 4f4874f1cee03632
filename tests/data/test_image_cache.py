import sys
from pathlib import Path

import pytest
import torch

from cnnlab.data.sources import image_cache
from cnnlab.data.sources.image_cache import read_image_cache, write_image_cache
from cnnlab.machine import memory_bytes

IMAGES = torch.randint(0, 256, (7, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(7)


def parts():
    yield IMAGES[:5], LABELS[:5]
    yield IMAGES[5:], LABELS[5:]


def footer(shape, labels, blocks):
    return {"note": "kept"}


def test_what_is_written_is_read_back(tmp_path):
    write_image_cache(tmp_path / "a.images", parts(), footer)
    images, labels, found = read_image_cache(tmp_path / "a.images")
    assert torch.equal(images, IMAGES) and torch.equal(labels, LABELS)
    assert found == {"shape": [7, 3, 4, 4], "note": "kept"}


def test_the_footer_is_made_from_all_bytes_written_and_all_labels(tmp_path):
    seen = []

    def make_footer(shape, labels, blocks):
        seen.append((shape, labels, b"".join(blocks)))
        return {}

    write_image_cache(tmp_path / "a.images", parts(), make_footer)
    ((shape, labels, content),) = seen
    assert shape == (7, 3, 4, 4) and torch.equal(labels, LABELS)
    assert content == IMAGES.numpy().tobytes() + LABELS.numpy().tobytes()
    assert read_image_cache(tmp_path / "a.images") is not None


def test_no_image_at_all(tmp_path):
    write_image_cache(tmp_path / "a.images", iter(()), footer)
    assert read_image_cache(tmp_path / "a.images")[0].shape == (0,)


@pytest.mark.parametrize("has_failed", [False, True])
def test_nothing_maps_the_file_when_it_is_renamed_or_removed(tmp_path, monkeypatch, has_failed):
    """Windows neither renames nor removes a file that is mapped or open."""
    mapped = []

    def watch(function):
        def watched(path, *rest):
            held = [str(link.resolve()) for link in Path("/proc/self/fd").iterdir()]
            held += Path("/proc/self/maps").read_text().split()
            mapped.append(str(path) in held)
            return function(path, *rest)

        return watched

    def make_footer(shape, labels, blocks):
        if has_failed:
            raise ValueError("not wanted")
        return {"first": next(iter(blocks))[0]}

    if not sys.platform.startswith("linux"):
        pytest.skip("needs /proc, to see what a process maps")
    monkeypatch.setattr(image_cache.os, "replace", watch(image_cache.os.replace))
    monkeypatch.setattr(image_cache.os, "unlink", watch(image_cache.os.unlink))
    if has_failed:
        with pytest.raises(ValueError, match="not wanted"):
            write_image_cache(tmp_path / "a.images", parts(), make_footer)
    else:
        write_image_cache(tmp_path / "a.images", parts(), make_footer)
    assert mapped == [False]
    assert len(list(tmp_path.iterdir())) == (0 if has_failed else 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere maps are not counted")
def test_images_may_be_more_than_the_memory(tmp_path):
    """The file has holes instead of most of its images, so that it takes no room."""
    num_images = 2 * memory_bytes() // (3 * 256 * 256)
    path = tmp_path / "large.images"
    with path.open("wb") as file:
        file.write(bytes([7]))
        file.truncate(num_images * 3 * 256 * 256)
    images = image_cache._map_images(path, (num_images, 3, 256, 256))
    assert images.numel() > 1.9 * memory_bytes()
    assert images[0, 0, 0, 0] == 7 and images[num_images // 2, 1, 5, 5] == 0
    images[-1] = 9  # changes memory only
    assert images[-1].float().mean() == 9
    with path.open("rb") as file:
        file.seek(-1, 2)
        assert file.read() == b"\0"
