import errno
import json
import os
import threading

import pytest

from cnnlab.errors import MissingResourceError
from cnnlab.runs.atomic import sync_folder, write_bytes, write_errors_explained, write_json
from disk_faults import count, fail_at, files_under, watched_disk

OLD, NEW = b"old content", b"the new content" * 1000


def num_calls(tmp_path) -> int:
    path = tmp_path / "counted"
    path.write_bytes(OLD)
    with watched_disk(count) as calls:
        write_bytes(path, NEW)
    path.unlink()
    return len(calls)


def test_replaces_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_bytes(path, OLD)
    write_bytes(path, NEW)
    assert files_under(tmp_path) == {"file.txt": NEW}


def test_the_content_is_on_the_disk_before_its_name_and_the_name_before_the_return(tmp_path):
    with watched_disk(count) as calls:
        write_bytes(tmp_path / "file", NEW)
    assert calls == ["open", "write", "fsync", "replace", "fsync"]


@pytest.mark.parametrize("forever", [True, False])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_failure_at_any_call_leaves_old_or_new_and_no_temporary_file(tmp_path, code, forever):
    for call in range(num_calls(tmp_path)):
        path = tmp_path / "file"
        path.write_bytes(OLD)
        with (
            watched_disk(fail_at(call, code, forever=forever)),
            pytest.raises(MissingResourceError) as caught,
        ):
            write_bytes(path, NEW)
        assert files_under(tmp_path) in ({"file": OLD}, {"file": NEW}), call
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert len(message.splitlines()) == 1
        if code in (errno.ENOSPC, errno.EDQUOT):
            assert "the disk is full: 0.0 MB needed, " in message
            assert message.endswith("Nothing saved before is lost; free some space.")
        else:
            assert message == f"{path}: cannot be written: {os.strerror(code)}."


def test_only_the_last_call_may_leave_the_new_content(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(OLD)
    with watched_disk(fail_at(3)), pytest.raises(MissingResourceError):  # the replace
        write_bytes(path, NEW)
    assert path.read_bytes() == OLD


def test_an_interrupt_leaves_the_old_content_and_no_temporary_file(tmp_path):
    def interrupt(number: int, name: str) -> None:
        if name == "fsync":
            raise KeyboardInterrupt

    path = tmp_path / "file"
    path.write_bytes(OLD)
    with watched_disk(interrupt), pytest.raises(KeyboardInterrupt):
        write_bytes(path, NEW)
    assert files_under(tmp_path) == {"file": OLD}


def test_the_message_says_how_much_is_needed_and_free(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1_234_567}))
    with pytest.raises(MissingResourceError, match=r"5\.0 MB needed, 1\.2 MB free"):  # noqa: SIM117
        with write_errors_explained(tmp_path / "none" / "deeper" / "file", needed=5_000_000):
            raise OSError(errno.ENOSPC, "full")


def test_who_has_a_run_is_told_how_it_goes_on(tmp_path):
    (tmp_path / "config.toml").touch()
    for path in (tmp_path / "cost.json", tmp_path / "checkpoint"):
        with pytest.raises(MissingResourceError, match=r"then go on with `cnnlab resume`\.$"):  # noqa: SIM117
            with write_errors_explained(path, needed=1):
                raise OSError(errno.ENOSPC, "full")


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(MissingResourceError, match=r"none/file: cannot be written: No such file"):
        write_bytes(tmp_path / "none" / "file", NEW)


def test_readers_see_the_old_content_or_the_new(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([n]) * 50_000 for n in range(40)]
    write_bytes(path, contents[0])
    seen: list[bytes] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for content in contents:
        write_bytes(path, content)
    done.set()
    reader.join()
    assert set(seen) <= set(contents)


def test_json_keeps_every_bit_and_every_letter(tmp_path):
    value = {"a": 0.1 + 0.2, "b": [5e-324, 1.7976931348623157e308, -0.0], "c": "é猫", "d": None}
    write_json(tmp_path / "file.json", value)
    text = (tmp_path / "file.json").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "é猫" in text
    assert text.endswith("}\n")


def test_json_that_others_cannot_read_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", {"a": float("nan")})
    assert files_under(tmp_path) == {}


def test_folders_that_cannot_be_flushed_are_no_error(tmp_path):
    with watched_disk(fail_at(0, errno.EINVAL)):
        sync_folder(tmp_path)
    with watched_disk(fail_at(0, errno.EIO)), pytest.raises(OSError, match="output error"):
        sync_folder(tmp_path)
