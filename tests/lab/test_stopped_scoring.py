"""Ctrl-C and SIGTERM while test images are scored: the training is kept, and a line says how to go on."""

import signal
from importlib import import_module

import pytest

from cnnlab.errors import StoppedError
from cnnlab.lab import resume, train
from cnnlab.runs import RunFolder
from cnnlab.training import SilentProgress


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_scoring_is_begun_again(tmp_path, monkeypatch, number, code):
    module = import_module("cnnlab.lab.train")
    monkeypatch.setattr(module, "evaluate", lambda *args, **options: signal.raise_signal(number))
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    options = {"data": "digits", "steps": 2, "threads": 1, "out": tmp_path, "progress": SilentProgress()}
    with pytest.raises(
        StoppedError, match=r"training is done and saved.*Go on with: cnnlab resume"
    ) as caught:
        train("convnet_mnist", **options)
    assert caught.value.exit_code == code
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    (path,) = tmp_path.iterdir()
    before = RunFolder.open(path).weights.read_bytes()
    monkeypatch.undo()
    resume(path, progress=SilentProgress())
    folder = RunFolder.open(path)
    assert folder.evaluation is not None and folder.weights.read_bytes() == before


def test_damaged_pictures_of_pre_training_do_not_keep_a_run_from_its_scores(tmp_path):
    changes = {"pretrain.method": "autoencoder", "pretrain.epochs": 0.05}
    options = {"data": "digits", "steps": 2, "threads": 1, "out": tmp_path, "changes": changes}
    path = train("convnet_mnist", test=False, progress=SilentProgress(), **options)
    (path / "pretrain.safetensors").write_bytes(b"no tensors")
    said = []

    class Told(SilentProgress):
        def message(self, text):
            said.append(text)

    resume(path, progress=Told())
    assert RunFolder.open(path).evaluation is not None
    assert any("pretrain.safetensors" in line and "pictures are left out" in line for line in said)
