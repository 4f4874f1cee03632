import hashlib
import json
import pickle
import random
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor

from cnnlab.errors import MissingResourceError, RunError
from cnnlab.runs.weights import FORMAT, METADATA, load_weights, save_weights
from disk_faults import fail_at, files_under, watched_disk

DESCRIPTION = {"network": {"name": "lenet5", "args": {"dropout": 0.1 + 0.2}}, "class_names": ["ü", "b\n", ""]}


def some_tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn(2, 3, 2, 2, generator=generator),
        "conv.bias": torch.randn(2, generator=generator),
        "bn.num_batches_tracked": torch.tensor(7),
    }


@pytest.fixture
def path(tmp_path) -> Path:
    """A small good file."""
    path = tmp_path / "model.safetensors"
    save_weights(path, some_tensors(), DESCRIPTION)
    return path


def is_what_was_saved(path: Path) -> bool:
    tensors, description = load_weights(path)
    expected = some_tensors()
    return (
        description == DESCRIPTION
        and tensors.keys() == expected.keys()
        and all(torch.equal(tensors[name], expected[name]) for name in expected)
    )


def refusal(path: Path) -> str:
    with pytest.raises(RunError) as caught:
        load_weights(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    return message


# --- there and back -------------------------------------------------------------------------------------


def test_comes_back_bit_for_bit(path):
    assert is_what_was_saved(path)


def test_every_kind_of_tensor(tmp_path):
    tensors = {
        "scalar": torch.tensor(0.5),
        "empty": torch.zeros(0, 4),
        "bool": torch.tensor([True, False]),
        "bf16": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "channels last": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(torch.randn(3)),
        "nan": torch.tensor([float("nan"), float("inf")]),
    }
    save_weights(tmp_path / "w", tensors, {})
    back, description = load_weights(tmp_path / "w")
    assert description == {}
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name].nan_to_num(), tensor.detach().nan_to_num())


def test_equal_weights_give_equal_files(tmp_path):
    names = [f"{number}" for number in range(6)]
    for name in names:
        save_weights(tmp_path / name, some_tensors(), dict(reversed(DESCRIPTION.items())))
    assert len({(tmp_path / name).read_bytes() for name in names}) == 1


def test_one_other_bit_gives_another_file(tmp_path, path):
    tensors = some_tensors()
    tensors["conv.bias"][0] = torch.nextafter(tensors["conv.bias"][0], torch.tensor(9.0))
    save_weights(tmp_path / "other", tensors, DESCRIPTION)
    assert (tmp_path / "other").read_bytes() != path.read_bytes()


def test_a_full_disk_leaves_the_old_weights(path):
    for call in range(5):
        with watched_disk(fail_at(call)), pytest.raises(MissingResourceError, match="the disk is full"):
            save_weights(path, {"other": torch.zeros(3)}, {})
        if call < 4:  # the last call flushes the folder: the new name is there
            assert is_what_was_saved(path)
    assert files_under(path.parent).keys() == {"model.safetensors"}


# --- damage ---------------------------------------------------------------------------------------------


def test_every_cut_is_noticed(path):
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        refusal(path)


def test_every_flipped_bit_is_noticed(path):
    content = path.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        refusal(path)


@pytest.mark.slow
def test_every_flipped_bit_is_noticed_all_eight_of_each_byte(path):
    content = path.read_bytes()
    for place in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        refusal(path)


def test_scrambled_headers_are_never_silently_wrong(path):
    """Other bytes, swapped bytes, repeated and dropped spans: refused, or (spaces) with the same meaning."""
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    generator = random.Random(0)
    num_refused = 0
    for _ in range(1500):
        changed = bytearray(content)
        start = generator.randrange(8, header)
        match generator.randrange(4):
            case 0:
                changed[start] = generator.randrange(256)
            case 1:
                other = generator.randrange(8, header)
                changed[start], changed[other] = changed[other], changed[start]
            case 2:
                length = generator.randrange(1, 40)
                changed[start : start + length] = changed[start + length : start + 2 * length]
            case 3:
                length = generator.randrange(1, 40)
                changed[start:start] = changed[start : start + length]
        changed[:8] = struct.pack("<Q", header - 8 + len(changed) - len(content))
        path.write_bytes(changed)
        try:
            assert is_what_was_saved(path)
        except RunError:
            num_refused += 1
    assert num_refused > 1450


def test_other_names_and_shapes_over_the_same_bytes_are_noticed(path):
    content = path.read_bytes()
    for old, new in ((b"[2,3,2,2]", b"[3,2,2,2]"), (b"conv.bias", b"conv.bies"), (b'"I64"', b'"U64"')):
        assert old in content
        path.write_bytes(content.replace(old, new))
        assert "differs from its sha256 sum" in refusal(path)


def test_more_behind_the_end_is_noticed(path):
    path.write_bytes(path.read_bytes() + b"\0")
    refusal(path)


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**40, 1_000_001, 0])
@pytest.mark.parametrize("rest", [0, 2_000_000])
def test_a_header_of_any_claimed_length_is_refused_at_once(tmp_path, length, rest):
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{" * rest)
    tracemalloc.start()
    start = time.perf_counter()
    refusal(path)
    seconds = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 0.1
    assert peak < 5_000_000


# --- foreign files --------------------------------------------------------------------------------------


class Canary:
    """What a pickle file may hold: running it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "it ran")


@pytest.mark.parametrize("kind", ["pickle", "torch", "zip", "empty", "text", "npy", "json"])
def test_other_files_under_the_name_are_refused_and_run_nothing(tmp_path, kind):
    path, canary = tmp_path / "model.safetensors", tmp_path / "canary"
    match kind:
        case "pickle":
            path.write_bytes(pickle.dumps(Canary(canary)))
        case "torch":
            torch.save({"weight": Canary(canary)}, path)
        case "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("../../canary", "x")
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("hello, I am no weights at all")
        case "npy":
            path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}")
        case "json":
            path.write_text(json.dumps({"__metadata__": {METADATA: "{}"}}))
    assert "damaged weights" in refusal(path)
    assert not canary.exists()


def test_missing_files_and_folders(tmp_path):
    assert "no weights can be read here: No such file" in refusal(tmp_path / "none")
    assert "must be a file. Remove what is there." in refusal(tmp_path)


def test_weights_of_others_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    for metadata in (None, {"format": "pt"}, {METADATA: "not json"}, {METADATA: "[]"}, {METADATA: "{}"}):
        save_file(some_tensors(), path, metadata)
        assert "not written by cnnlab" in refusal(path)


def crafted(path: Path, **changes: Any) -> Path:
    """Write weights whose sum is right but whose description is not what we write."""
    text = changes.pop("description", "{}")
    about = {"format": FORMAT, "description": text, "sha256": hashlib.sha256(str(text).encode()).hexdigest()}
    path.write_bytes(save({}, {METADATA: json.dumps({**about, **changes})}))
    return path


def test_crafted_descriptions_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    assert load_weights(crafted(path)) == ({}, {})
    assert "in format 'cnnlab-2'; this version reads 'cnnlab-1'" in refusal(crafted(path, format="cnnlab-2"))
    for text in ("not json", "[" * 100_000, "", 5, None, {"a": 1}, ["x"], "9" * 5000):
        refusal(crafted(path, description=text))
    for wrong in (5, None, "", "0" * 64, [], {}):
        refusal(crafted(path, sha256=wrong))
    for wrong in (5, None, [], {"a": "b"}):
        refusal(crafted(path, format=wrong))


@pytest.mark.parametrize(
    "dtype", ["F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "C64", "U64", "Q9", "BOOL"]
)
def test_rare_types_of_numbers_are_refused_or_read(tmp_path, dtype):
    header = json.dumps(
        {
            "__metadata__": {METADATA: json.dumps({"format": FORMAT, "description": "{}", "sha256": ""})},
            "a": {"dtype": dtype, "shape": [8], "data_offsets": [0, 8 * (8 if dtype[1:] == "64" else 1)]},
        }
    ).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(64 if dtype[1:] == "64" else 8))
    refusal(path)


@pytest.mark.parametrize("shape", [[-1], [2**62, 4], [2**64], [0, 2**63], [1.5], "8", [[8]]])
def test_impossible_shapes_are_refused(tmp_path, shape):
    about = json.dumps({"format": FORMAT, "description": "{}", "sha256": ""})
    header = {"__metadata__": {METADATA: about}, "a": {"dtype": "U8", "shape": shape, "data_offsets": [0, 8]}}
    text = json.dumps(header).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(8))
    refusal(path)
