"""Standard output and error that are full, closed, left by their reader, or of another encoding."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.cli import main
from cnnlab.data import load_data

CNNLAB = f"{sys.executable} -m cnnlab"


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in which CNNLAB and the environment's names stand for their values."""
    variables = {**os.environ, "CNNLAB": CNNLAB, **environment}
    return subprocess.run(["bash", "-c", command], capture_output=True, env=variables, check=False)


@pytest.mark.parametrize("arguments", ["", "--help", "--version", "recipes", "recipes --json"])
def test_a_full_disk_behind_stdout_is_one_line(arguments):
    done = shell(f"$CNNLAB {arguments} > /dev/full")
    assert done.returncode == 3
    assert done.stderr == b"Error: standard output: cannot be written: No space left on device.\n"


def test_what_was_trained_is_kept_where_stdout_is_full(tmp_path):
    done = shell(
        "$CNNLAB train convnet_mnist --data digits --steps 2 --threads 1 --no-test --out $OUT > /dev/full",
        OUT=str(tmp_path),
    )
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith(b"Error: standard output: cannot be written")
    assert list(tmp_path.glob("*/model.safetensors"))


@pytest.mark.parametrize("arguments", ["--help", "--version", "recipes --json", "recipes show lenet5"])
@pytest.mark.parametrize("reader", ["true", "head -c 1"])
def test_a_reader_that_leaves_is_no_failure(arguments, reader):
    done = shell(f"$CNNLAB {arguments} | {reader}; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (0, b"")


def test_long_output_to_a_reader_that_has_left_is_no_failure():
    # Far more than any buffer holds: the write itself fails, not the flush at the end.
    code = (
        "from cnnlab import recipes\nfrom cnnlab.cli import main\n"
        "recipes.recipe_text = lambda name: 'x' * 10_000_000\n"
        "main(['recipes', 'show', 'lenet5'])"
    )
    done = shell('"$PYTHON" -c "$CODE" | head -c 1; exit ${PIPESTATUS[0]}', PYTHON=sys.executable, CODE=code)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"x", b"")


def test_closed_streams_are_quiet(tmp_path):
    assert shell("$CNNLAB recipes >&-").returncode == 0
    mistake = shell("$CNNLAB nope 2>&-")
    assert (mistake.returncode, mistake.stdout) == (2, b"")
    done = shell(
        "$CNNLAB train convnet_mnist --data digits --steps 2 --threads 1 --no-test --out $OUT 2>&-",
        OUT=str(tmp_path),
    )
    assert (done.returncode, done.stdout.decode().strip()) == (0, str(next(tmp_path.iterdir())))


def test_a_full_disk_behind_stderr_changes_no_exit_code():
    assert shell("$CNNLAB nope 2> /dev/full").returncode == 2
    assert shell("$CNNLAB recipes 2> /dev/full").returncode == 0


def test_a_file_that_is_opened_does_not_take_the_place_of_a_closed_stream(tmp_path):
    code = (
        "import os, sys\nfrom cnnlab.cli.streams import prepare_streams\n"
        "prepare_streams()\nfile = open(sys.argv[1], 'w')\nassert file.fileno() > 2\n"
        "os.write(1, b'x'); os.write(2, b'x'); print('x'); print('x', file=sys.stderr)"
    )
    done = shell(
        '"$PYTHON" -c "$CODE" "$FILE" <&- >&- 2>&-',
        PYTHON=sys.executable,
        CODE=code,
        FILE=str(tmp_path / "a"),
    )
    assert (done.returncode, (tmp_path / "a").read_text()) == (0, "")


@pytest.fixture(params=["ascii", "latin-1", "utf-8"])
def printed(request, monkeypatch):
    """Return a function that runs a command with a strict stdout, and gives its exit code and bytes."""

    def run(*arguments: str) -> tuple[int, bytes]:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=request.param, errors="strict") for _ in "ab")
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        assert isinstance(stop.value.code, int)
        return stop.value.code, out.buffer.getvalue()

    return run


def test_every_name_can_be_printed(printed, finished, tmp_path):
    folder = os.fsencode(tmp_path) + b"/odd"
    os.mkdir(folder)
    page = np.full((40, 40), 255, np.uint8)
    page[10:30, 18:22] = 0
    for name in (b"\xff\xfe.png", "ä狗.png".encode()):
        with open(os.path.join(folder, name), "wb") as file:
            Image.fromarray(page).save(file, "PNG")
    command = ("predict", str(finished), os.fsdecode(folder))
    for form in ((), ("--csv",)):
        code, out = printed(*command, *form)
        assert (code, out.count(b".png")) == (0, 2)
    code, out = printed(*command, "--json")
    paths = {os.fsencode(answer["file"]) for answer in json.loads(out.decode("utf-8"))}
    assert (code, paths) == (0, {folder + b"/\xff\xfe.png", folder + "/ä狗.png".encode()})
    assert printed("predict", str(finished), "\udcff狗.png")[0] == 3


def test_a_run_folder_is_printed_byte_for_byte(printed, tmp_path):
    out = tmp_path / "ü\udcff"
    train = ("train", "convnet_mnist", "--data", "digits", "--steps", "1", "--threads", "1", "--no-test")
    code, line = printed(*train, "--out", str(out))
    assert code == 0
    assert Path(os.fsdecode(line.removesuffix(b"\n"))) == next(out.iterdir())


def test_a_table_in_ascii_has_ascii_rules():
    done = shell("$CNNLAB recipes", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and b"---" in done.stdout and b"\\u" not in done.stdout


def test_classes_of_any_language_train_in_the_c_locale(tmp_path):
    for label, name in enumerate(("chäts", "狗")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for index in range(12):
            image = Image.new("L", (28, 28), index * 9 + label)
            image.save(tmp_path / "pets" / name / f"ß{index}.png")
    train = "$CNNLAB train convnet_mnist --data pets --steps 2 --threads 1 --out ü --json"
    done = shell(f"cd {tmp_path} && {train}", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)["test"]
    assert scores["class_names"] == ["chäts", "狗"]
    # The same images are cut off for test as in this process, where names are UTF-8.
    test = load_data(tmp_path / "pets", splits=("test",), image_size=28)["test"]
    assert scores["fingerprint"] == test.fingerprint
