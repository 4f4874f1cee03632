"""Programs of others: what they are asked for, what they print, and what is said when they fail."""

import json
import sys
from dataclasses import replace

import pytest

from cnnlab.bench import find_program, peer_turn, programs
from cnnlab.bench.peers import Step
from cnnlab.bench.programs import make_peers, run_program
from cnnlab.errors import ConfigError, MissingResourceError
from cnnlab.models import create_model
from cnnlab.training import Execution

STEP = Step(
    "alexnet_mnist3", {}, (32, 1, 28, 28), 10, Execution("cpu", "float32", 1, "A processor", "2.13.0")
)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A function of a program's body, to which `options` are its arguments; it returns its path."""
    monkeypatch.setattr("cnnlab.machine.has_fast_bf16", lambda: False)

    def make(body):
        path = tmp_path / "other.py"
        path.write_text(f"import json, os, sys, time\noptions = sys.argv[1:]\n{body}\n")
        return path

    return make


ECHO = """
given = dict(zip(options[::2], options[1::2]))
row = {"peer": "other", "network": given["--networks"], "precision": given["--precisions"]}
print("a line of something else")
print(json.dumps({**row, "images_per_s": 64.0, "given": given, "threads": os.environ["OMP_NUM_THREADS"]}))
"""


def test_a_program_is_asked_for_the_same_step(program):
    path = program(ECHO)
    (peer,) = make_peers([str(path)], create_model("alexnet_mnist3"), STEP)
    assert peer.name == "other float32"
    assert peer.seconds_of_step(7) == 32 / 64
    options = ["--networks", "a3-lrn", "--precisions", "float32", "--batch", "32", "--steps", "7"]
    (row,) = run_program(path, options, threads=3)
    assert row["given"] == dict(zip(options[::2], options[1::2], strict=True)) and row["threads"] == "3"


@pytest.mark.parametrize(
    ("network", "args", "size", "name"),
    [
        ("alexnet_mnist3", {"lrn": False, "init": "truncated-normal"}, 28, "a3"),
        ("alexnet_mnist5", {}, 28, "a5"),
        ("lenet5", {"activation": "relu", "pool": "max"}, 28, "lenet5"),
        ("alexnet_mnist3", {"lrn": True}, 28, "a3-lrn"),
    ],
)
def test_names_that_programs_know(program, network, args, size, name):
    seen = []
    path = program(ECHO)
    step = replace(STEP, name=network, args=args, shape=(32, 1, size, size))
    (peer,) = make_peers([str(path)], create_model(network), step)
    seen.append(peer._network)
    assert seen == [name]


@pytest.mark.parametrize(
    "changes",
    [
        {"args": {"activation": "tanh"}},
        {"shape": (32, 1, 32, 32)},
        {"shape": (32, 3, 28, 28)},
        {"num_classes": 7},
        {"name": "convnet_mnist"},
        {"execution": replace(STEP.execution, device="cuda")},
    ],
)
def test_what_programs_do_not_have(program, changes):
    with pytest.raises(ConfigError, match="--peers: programs"):
        make_peers([str(program(ECHO))], create_model("alexnet_mnist3"), replace(STEP, **changes))


def test_both_precisions_where_bf16_is_fast(program, monkeypatch):
    path = program(ECHO)
    monkeypatch.setattr("cnnlab.machine.has_fast_bf16", lambda: True)
    peers = make_peers(["plain", str(path)], create_model("alexnet_mnist3"), STEP)
    assert [peer.name for peer in peers] == ["PyTorch float32", "PyTorch bf16", "other float32", "other bf16"]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("raise ValueError('no such network')", "failed with exit code 1: ValueError: no such network"),
        ("sys.exit(3)", "failed with exit code 3: it gave no message."),
        ("print('hello')", "printed no JSON object"),
        (
            "print(json.dumps({'network': 'a5', 'precision': 'float32', 'images_per_s': 1}))",
            "no images_per_s of",
        ),
        ("print(json.dumps({'network': 'a3-lrn', 'precision': 'float32'}))", "no images_per_s of"),
        (
            "print(json.dumps({'network': 'a3-lrn', 'precision': 'float32', 'images_per_s': 0}))",
            "no images_per_s of",
        ),
        *(
            (
                f'print(\'{{"network": "a3-lrn", "precision": "float32", "images_per_s": {rate}}}\')',
                "no images_per_s of",
            )
            for rate in ("true", "NaN", "Infinity", "-3", "1e-320", "9" * 401, '"7"')
        ),
        ("print('[' * 100_000)", "printed no JSON object"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "was ended by SIGKILL: it gave no message.",
        ),
        ("time.sleep(60)", "took more than 2 s and was ended"),
    ],
)
def test_a_program_that_fails(program, monkeypatch, body, line):
    monkeypatch.setattr(programs, "TIME_LIMIT", 2.0)
    (peer,) = make_peers([str(program(body))], create_model("alexnet_mnist3"), STEP)
    with pytest.raises(ConfigError, match=r"--peers: .*other\.py") as caught:
        peer.seconds_of_step(1)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_tensorflow_has_its_own_python(program, monkeypatch, tmp_path):
    path = program(f"if 'here' == 'there':\n    import tensorflow\n{ECHO}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNLAB_TENSORFLOW", raising=False)
    with pytest.raises(MissingResourceError, match=r"make \.venv-tensorflow"):
        run_program(path, [], threads=1)
    monkeypatch.setenv("CNNLAB_TENSORFLOW", sys.executable)
    options = ["--networks", "a5", "--precisions", "float32", "--batch", "1", "--steps", "1"]
    assert run_program(path, options, threads=1)[0]["network"] == "a5"


def test_two_of_one_name(program):
    for names in (["plain", "plain"], ["a/other.py", "b/other.py"]):
        with pytest.raises(ConfigError, match="give each once"):
            make_peers(names, create_model("alexnet_mnist3"), STEP)


def test_a_python_that_cannot_be_run(program, monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLAB_TENSORFLOW", str(tmp_path))
    with pytest.raises(MissingResourceError, match="is no program"):
        run_program(program("from tensorflow import keras"), [], threads=1)


def test_a_program_that_is_not_there(tmp_path):
    for name in (str(tmp_path / "none.py"), "", "a" * 300):
        with pytest.raises(MissingResourceError, match=r"--peers: must be .* There is no such file"):
            find_program(name)
    with pytest.raises(MissingResourceError, match="This is a folder"):
        find_program(str(tmp_path))


def test_a_turn_of_training(program):
    row = {"peer": "other", "seed": 0, "train_seconds": 1.5, "top1": 98.75}
    assert peer_turn(program(f"print(json.dumps({row}))"), threads=1) == (1.5, 0.9875)
    with pytest.raises(ConfigError, match="must print train_seconds above 0 and top1"):
        peer_turn(program(f"print({json.dumps(json.dumps({'top1': 1}))})"), threads=1)


@pytest.mark.parametrize("seconds", ["NaN", "Infinity", "-5", "0", "true", '"97"', "9" * 401])
def test_seconds_that_cannot_be(program, seconds):
    path = program(f'print(\'{{"train_seconds": {seconds}, "top1": 98}}\')')
    with pytest.raises(
        ConfigError, match="must print train_seconds above 0 and top1 from 0 to 100"
    ) as caught:
        peer_turn(path, threads=1)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("top1", ["NaN", "-3", "500", "true", '"97"'])
def test_an_accuracy_that_cannot_be(program, top1):
    with pytest.raises(ConfigError, match="must print train_seconds above 0 and top1 from 0 to 100"):
        peer_turn(program(f'print(\'{{"train_seconds": 1, "top1": {top1}}}\')'), threads=1)
