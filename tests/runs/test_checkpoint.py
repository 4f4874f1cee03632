import errno
import hashlib
import pickle
import random
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cnnlab.errors import MissingResourceError, RunError
from cnnlab.runs.checkpoint import (
    Checkpoint,
    list_checkpoints,
    load_latest,
    read_checkpoint,
    save_checkpoint,
)
from disk_faults import count, die_at, fail_at, watched_disk
from own_process import start

FILES = ("tensors.safetensors", "state.json", "SHA256SUMS")


def make(step: int) -> Checkpoint:
    generator = torch.Generator().manual_seed(step)
    tensors = {
        "model/conv.weight": torch.randn(4, 3, 3, 3, generator=generator),
        "model/bn.running_var": torch.rand(4, generator=generator),
        "model/bn.num_batches_tracked": torch.tensor(step),
    }
    return Checkpoint(tensors, {"step": step, "seconds": 0.1 + step})


def save(folder: Path, *steps: int) -> None:
    for step in steps:
        save_checkpoint(folder, step, make(step))


def assert_same(got: Checkpoint | None, expected: Checkpoint) -> None:
    assert got is not None
    assert got.state == expected.state
    assert got.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        same_bits(got.tensors[name], tensor)


def same_bits(got: Tensor, expected: Tensor) -> None:
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    raw = [tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (got, expected)]
    assert torch.equal(*raw)


def steps_in(folder: Path) -> list[int]:
    return [int(path.name[5:]) for path in list_checkpoints(folder)]


def latest(folder: Path) -> tuple[int | None, list[str]]:
    """The step that loads, and the warnings."""
    said: list[str] = []
    checkpoint = load_latest(folder, warn=said.append)
    if checkpoint is None:
        return None, said
    assert_same(checkpoint, make(checkpoint.state["step"]))
    return checkpoint.state["step"], said


# --- there and back -------------------------------------------------------------------------------------


def test_every_kind_of_tensor_comes_back_bit_for_bit(tmp_path):
    tensors = {
        "scalar": torch.tensor(3.5),
        "count": torch.tensor(2**40),
        "empty": torch.zeros(0, 3),
        "nan": torch.tensor([float("nan"), -0.0, float("inf")]),
        "bf16": torch.randn(5).bfloat16(),
        "float64": torch.randn(5, dtype=torch.float64),
        "bool": torch.tensor([True, False]),
        "uint8": torch.arange(7, dtype=torch.uint8),
        "transposed": torch.randn(3, 5).t(),
        "channels last": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        "expanded": torch.randn(1, 3).expand(4, 3),
        "odd name é/\"'": torch.randn(1),
    }
    state = {"float": 0.1 + 0.2, "tiny": 5e-324, "list": [1, None, "é"], "nested": {"a": {"b": True}}}
    checkpoint = Checkpoint(tensors, state)
    path = save_checkpoint(tmp_path / "checkpoint", 12, checkpoint)
    assert path.name == "step-00000012"
    assert sorted(file.name for file in path.iterdir()) == sorted(FILES)
    assert_same(read_checkpoint(path), checkpoint)


def test_sums_are_those_of_sha256sum(tmp_path):
    path = save_checkpoint(tmp_path, 1, make(1))
    lines = (path / "SHA256SUMS").read_text().splitlines()
    expected = [f"{hashlib.sha256((path / name).read_bytes()).hexdigest()}  {name}" for name in FILES[:2]]
    assert lines == expected


def test_nothing_there_is_no_error(tmp_path):
    assert latest(tmp_path / "none") == (None, [])
    assert latest(tmp_path) == (None, [])


def test_all_is_on_the_disk_before_the_checkpoint_has_its_name(tmp_path):
    """What a power cut leaves: the folder appears last, and by one rename."""
    with watched_disk(count) as calls:
        save_checkpoint(tmp_path / "checkpoint", 1, make(1))
    written = ["open", "write", "fsync"] * 3
    assert calls == ["mkdir", "fsync", "mkdir", *written, "fsync", "rename", "fsync"]


# --- which are kept -------------------------------------------------------------------------------------


def test_the_newest_two_are_kept(tmp_path):
    save(tmp_path, 1, 2, 30, 400)
    assert steps_in(tmp_path) == [30, 400]
    assert latest(tmp_path) == (400, [])


def test_order_is_by_number_beyond_eight_digits(tmp_path):
    save(tmp_path, 99_999_999, 100_000_000)
    assert steps_in(tmp_path) == [99_999_999, 100_000_000]
    assert latest(tmp_path) == (100_000_000, [])


def test_other_names_are_left_alone(tmp_path):
    for name in ("step-abcdefgh", "step-00000001.old", "notes", "step-0000001"):
        (tmp_path / name).mkdir()
    save(tmp_path, 5)
    assert steps_in(tmp_path) == [5]
    assert len(list(tmp_path.iterdir())) == 5


def test_damaged_later_checkpoints_go_once_the_run_has_gone_on(tmp_path):
    save(tmp_path, 10, 20)
    (tmp_path / "step-00000020" / "state.json").write_bytes(b"")
    assert latest(tmp_path)[0] == 10
    save(tmp_path, 15)  # the run went back to 10 and is now at 15
    assert steps_in(tmp_path) == [10, 15]
    assert latest(tmp_path) == (15, [])


def test_a_step_is_saved_again_over_its_damaged_checkpoint(tmp_path):
    save(tmp_path, 10, 20)
    (tmp_path / "step-00000020" / "state.json").write_bytes(b"")
    save(tmp_path, 20)
    assert steps_in(tmp_path) == [10, 20]
    assert latest(tmp_path) == (20, [])


def test_leftovers_of_a_crash_are_harmless_and_go(tmp_path):
    save(tmp_path, 1)
    for name in (".step-00000002.tmp", ".step-00000077.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tensors.safetensors").write_bytes(b"half")
    assert latest(tmp_path) == (1, [])
    save(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001", "step-00000002"]


# --- damage ---------------------------------------------------------------------------------------------


def check_damage_is_noticed(folder: Path, path: Path) -> None:
    """The newest, step 2, is damaged at `path`: the one before is used, and it is said."""
    step, said = latest(folder)
    assert step == 1, path
    assert len(said) == 1
    assert said[0].startswith(f"{folder / 'step-00000002'}: damaged checkpoint: ")
    assert len(said[0].splitlines()) == 1


def damages(content: bytes, generator: random.Random, num: int) -> list[bytes]:
    """Cut at `num` places, and flip one bit at `num` places."""
    ends = {0, 1, len(content) - 1, *(generator.randrange(len(content)) for _ in range(num))}
    damaged = [content[:end] for end in ends]
    for place in [0, 7, 8, len(content) - 1, *(generator.randrange(len(content)) for _ in range(num))]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << generator.randrange(8)
        damaged.append(bytes(flipped))
    return damaged


def check_all_damages(folder: Path, num: int) -> None:
    save(folder, 1, 2)
    generator = random.Random(0)
    for name in FILES:
        path = folder / "step-00000002" / name
        content = path.read_bytes()
        for damaged in [*damages(content, generator, num), content + b"\0", b"", content * 2]:
            path.write_bytes(damaged)
            check_damage_is_noticed(folder, path)
        path.write_bytes(content)
    assert latest(folder) == (2, [])


def test_every_cut_and_flipped_bit_is_noticed(tmp_path):
    check_all_damages(tmp_path, 60)


@pytest.mark.slow
def test_every_cut_and_flipped_bit_is_noticed_at_many_more_places(tmp_path):
    check_all_damages(tmp_path, 1000)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_noticed(tmp_path, name):
    save(tmp_path, 1, 2)
    (tmp_path / "step-00000002" / name).unlink()
    check_damage_is_noticed(tmp_path, Path(name))


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_place_of_a_file_is_noticed(tmp_path, name):
    save(tmp_path, 1, 2)
    (tmp_path / "step-00000002" / name).unlink()
    (tmp_path / "step-00000002" / name).mkdir()
    check_damage_is_noticed(tmp_path, Path(name))


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_checkpoint_is_noticed(tmp_path, name):
    save(tmp_path, 1, 2)
    shutil.copy(tmp_path / "step-00000001" / name, tmp_path / "step-00000002" / name)
    check_damage_is_noticed(tmp_path, Path(name))


def test_a_disk_that_cannot_be_read_is_damage(tmp_path, monkeypatch):
    save(tmp_path, 1, 2)
    real = Path.read_bytes

    def fail(path: Path) -> bytes:
        if "step-00000002" in str(path):
            raise OSError(errno.EIO, "Input/output error")  # as read() raises it: without a file's name
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    check_damage_is_noticed(tmp_path, tmp_path)


def test_all_damaged(tmp_path):
    save(tmp_path, 1, 2)
    for path in list_checkpoints(tmp_path):
        (path / "SHA256SUMS").write_bytes(b"")
    said: list[str] = []
    with pytest.raises(RunError, match=r"all 2 checkpoints are damaged\. Train again with `cnnlab train`"):
        load_latest(tmp_path, warn=said.append)
    assert len(said) == 2


class Canary:
    """What a pickle file may hold: running it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "it ran")


@pytest.mark.parametrize("content", ["pickle", "empty", "list", "deep"])
def test_foreign_content_under_right_sums_is_refused(tmp_path, content):
    save(tmp_path, 1, 2)
    folder = tmp_path / "step-00000002"
    files = {name: (folder / name).read_bytes() for name in FILES[:2]}
    canary = tmp_path / "canary"
    match content:
        case "pickle":
            files["tensors.safetensors"] = pickle.dumps(Canary(canary))
        case "empty":
            files["tensors.safetensors"] = b""
        case "list":
            files["tensors.safetensors"] = b"\x02" + bytes(7) + b"[]"
        case "deep":
            files["state.json"] = b"[" * 100_000
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
    for name, data in {**files, "SHA256SUMS": sums.encode()}.items():
        (folder / name).write_bytes(data)
    check_damage_is_noticed(tmp_path, folder)
    assert not canary.exists()


# --- a full disk ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("forever", [True, False])
def test_a_failure_at_any_call_loses_nothing(tmp_path, code, forever):
    with watched_disk(count) as calls:
        save(tmp_path / "counted", 1, 2, 3)
    num_failures = 0
    for call in range(len(calls)):
        folder = tmp_path / f"call-{call}"
        done = 0
        with watched_disk(fail_at(call, code, forever=forever)):
            try:
                for step in (1, 2, 3):
                    save(folder, step)
                    done = step
            except MissingResourceError as error:
                num_failures += 1
                assert str(error).startswith(f"{folder}: ")
                assert ("the disk is full" in str(error)) == (code == errno.ENOSPC)
        assert not list(folder.glob(".*")), call
        step, said = latest(folder)
        assert said == [], call
        assert step in ((done or None), done + 1), call
        save(folder, 4)  # room again
        assert latest(folder) == (4, [])
        assert not list(folder.glob(".*")), call
    assert num_failures > len(calls) / 2


def test_a_full_disk_is_explained(tmp_path):
    save(tmp_path, 1)
    with watched_disk(fail_at(1)), pytest.raises(MissingResourceError) as caught:
        save_checkpoint(tmp_path, 2, Checkpoint({"a": torch.zeros(1_000_000)}, {}))
    assert "4.0 MB needed" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_really_full_disk_loses_nothing(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        big = Checkpoint(
            {"a": torch.arange(30_000.0)}, {"step": 0}
        )  # 120 kB: three do not fit beside a fourth
        for step in (1, 2):
            save_checkpoint(tmp_path / "checkpoint", step, big)
        save_checkpoint(tmp_path / "checkpoint", 3, big)
        (tmp_path / "ballast").write_bytes(bytes(100_000))
        with pytest.raises(MissingResourceError, match=r"0\.1 MB needed, 0\.\d MB free"):
            save_checkpoint(tmp_path / "checkpoint", 4, big)
        said: list[str] = []
        assert_same(load_latest(tmp_path / "checkpoint", warn=said.append), big)
        assert said == []
        assert steps_in(tmp_path / "checkpoint") == [2, 3]
        (tmp_path / "ballast").unlink()
        save_checkpoint(tmp_path / "checkpoint", 4, big)
        assert steps_in(tmp_path / "checkpoint") == [3, 4]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


# --- kill -9 --------------------------------------------------------------------------------------------


def save_and_die(folder: Path, call: int) -> None:
    """In a process of its own."""
    torch.set_num_threads(1)
    with watched_disk(die_at(call)):
        save(folder, 1, 2, 3, 4)


def check_killed_at(folder: Path, calls: list[str], call: int) -> None:
    process = start(save_and_die, folder, call)
    process.join()
    assert process.exitcode == -9, call
    done = calls[:call].count("rename")  # checkpoints that had appeared
    assert latest(folder) == (done or None, []), call
    save(folder, 5)
    assert latest(folder) == (5, [])
    assert not list(folder.glob(".*"))
    assert len(steps_in(folder)) <= 2


def calls_of_saves(folder: Path, *steps: int) -> list[str]:
    with watched_disk(count) as calls:
        save(folder, *steps)
    return calls


def test_killed_at_any_call_inside_a_save(tmp_path):
    calls = calls_of_saves(tmp_path / "counted", 1, 2, 3)
    # From the second to the third all that a save does is done: writing, renaming, dropping the oldest.
    first = len(calls_of_saves(tmp_path / "counted two", 1, 2))
    for call in range(first, len(calls), 2):
        check_killed_at(tmp_path / f"call-{call}", calls, call)


@pytest.mark.slow
def test_killed_at_any_call_inside_four_saves(tmp_path):
    calls = calls_of_saves(tmp_path / "counted", 1, 2, 3, 4)
    for call in range(len(calls)):
        check_killed_at(tmp_path / f"call-{call}", calls, call)
