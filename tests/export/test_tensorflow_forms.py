"""What TensorFlow writes answers as the network in plain TensorFlow, and prepares pictures as we do."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import CASES, gate_problem, make_run, network_logits, noise_for
from PIL import Image

from cnnlab import machine
from cnnlab.data import Dataset
from cnnlab.errors import CheckFailedError, DataError
from cnnlab.export import tensorflow_forms
from cnnlab.export.exporter import Exporter
from cnnlab.export.forms import Source
from cnnlab.export.tensorflow_forms import LiteForm, SavedModelForm, put_spec
from cnnlab.models import model_info
from cnnlab.pictures import decode_picture

pytestmark = pytest.mark.usefixtures("tensorflow")
RNG = np.random.default_rng(0)

READER = """
import json, sys
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
content = tf.constant([open(path, "rb").read() for path in sys.argv[3:]])
images, is_there = model.prepare(content)
answers = model.signatures["encoded"](image_bytes=content)
numbers = {name: value.numpy() for name, value in answers.items() if name != "class"}
np.savez(sys.argv[2], images=images, is_there=is_there, **numbers)
classes = [name.decode() for name in answers["class"].numpy()]
print(json.dumps({"signatures": sorted(model.signatures), "classes": classes}))
"""


VARIANTS = [
    (
        "alexnet_mnist3",
        {"groups": 2, "lrn_place": "before-pool", "pool": "average", "overlapping_pool": True},
    ),
    ("resnet20", {"shortcut": "B", "activation": "sigmoid"}),
]


def make_logits_small(run, pixels: np.ndarray) -> None:
    """Let logits be of the size that trained networks have: random weights of deep ones make them so large
    that float32 rounds more than the gate allows."""
    last = [layer for layer in run.model.modules() if isinstance(layer, torch.nn.Linear)][-1]
    with torch.no_grad():
        largest = float(run.model(torch.from_numpy(run.preparation.inputs(pixels))).abs().max())
        for parameter in last.parameters():
            parameter.mul_(min(1.0, 20 / largest))


@pytest.mark.tensorflow
@pytest.mark.parametrize("form", [SavedModelForm, LiteForm])
@pytest.mark.parametrize(("network", "args"), [*CASES, *VARIANTS])
def test_logits_are_those_of_the_network(form, network, args, tmp_path):
    run = make_run(tmp_path, network, args=args)
    pixels = noise_for(run, 3 if model_info(network).is_large else 20)
    make_logits_small(run, pixels)
    measured = form().write(Source(run, threads=1), tmp_path / "made", pixels)
    assert not gate_problem(run, measured.logits, pixels)
    assert measured.timing.throughput > 0


def some_pictures(folder: Path) -> list[Path]:
    strokes = np.full((120, 90), 225, dtype=np.uint8)
    strokes[20:100, 40:50] = 30
    rows, cols = np.mgrid[0:900, 0:700]
    photo = 200 + 30 * cols / 700 - 20 * rows / 900 + RNG.normal(0, 3, rows.shape)
    for turn in np.linspace(0, 1.8 * np.pi, 2000):
        row, col = int(450 + 250 * np.sin(turn)), int(350 + 150 * np.cos(turn))
        photo[row - 18 : row + 18, col - 18 : col + 18] = 40
    photo = np.clip(photo, 0, 255).astype(np.uint8)
    clear = np.full((40, 40, 4), 255, dtype=np.uint8)
    clear[5:30, 18:22], clear[:3, :3] = (10, 20, 30, 200), (9, 200, 3, 77)
    of_the_set = np.zeros((28, 28), dtype=np.uint8)
    of_the_set[5:23, 12:15] = 255
    pictures = {
        "drawn.png": Image.fromarray(strokes),
        "photo.png": Image.fromarray(photo),
        "photo.jpg": Image.fromarray(np.stack([photo, photo, photo // 2], axis=-1)),
        "transparent.png": Image.fromarray(clear),
        "set.png": Image.fromarray(of_the_set),
        "palette.png": Image.fromarray(strokes).convert("P"),
        "bits16.png": Image.fromarray(strokes.astype(np.uint16) * 257 + 3),
        "blank.png": Image.new("L", (60, 60), 255),
        "noise.png": Image.fromarray(RNG.integers(0, 256, (70, 91, 3), dtype=np.uint8)),
        "noise.bmp": Image.fromarray(RNG.integers(0, 256, (33, 20, 3), dtype=np.uint8)),
        "first.gif": Image.fromarray(strokes),
    }
    for name, picture in pictures.items():
        picture.save(folder / name)
    return [folder / name for name in pictures]


PREPARED = {
    "digits": ("convnet_fast", {"is_digits": True}),
    "small digits": ("convnet_fast", {"is_digits": True, "data": "digits"}),
    "digits as colour": ("resnet20", {"is_digits": True, "image_size": 32}),
    "photographs, cut": ("resnet20", {"uncut": 37}),
    "grey photographs": ("lenet5", {}),
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("case", PREPARED)
def test_encoded_files_are_prepared_as_predict_does(case, tmp_path):
    network, settings = PREPARED[case]
    run = make_run(tmp_path, network, **settings)
    SavedModelForm().write(Source(run, threads=1), tmp_path / "saved", noise_for(run, 20))
    paths = some_pictures(tmp_path)
    command = [
        str(machine.tensorflow_python()),
        "-c",
        READER,
        str(tmp_path / "saved"),
        str(tmp_path / "found.npz"),
    ]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    printed, found = json.loads(done.stdout), np.load(tmp_path / "found.npz")
    assert printed["signatures"] == ["encoded", "serving_default"]
    for place, path in enumerate(paths):
        picture = decode_picture(path, channels=1 if run.is_digits else run.in_channels)
        try:
            expected = run.preparation.inputs(run.preparation.pixels(picture))
        except DataError:
            assert not found["is_there"][place] and not printed["classes"][place]
            assert found["probability"][place] == 0 == found["probabilities"][place].sum()
            continue
        assert np.abs(found["images"][place] - expected).max() < 1e-6, path.name
        probs = torch.from_numpy(network_logits(run, expected[None])).softmax(1)[0].numpy()
        assert np.abs(found["probabilities"][place] - probs).max() < 1e-5, path.name
        assert printed["classes"][place] == run.class_names[probs.argmax()]
        assert found["probability"][place] == pytest.approx(probs.max(), abs=1e-5)


WRONG = {
    "pixels": (
        "tf.transpose(pixels[:, window, window]",
        "tf.transpose(pixels[:, : done['crop_size'], window]",
        "its probabilities for encoded files differ from the network's by up to ",
    ),
    "probabilities": (
        "tf.nn.softmax(self.logits(images))",
        "tf.nn.softmax(2 * self.logits(images))",
        "its probabilities for encoded files differ from the network's by up to ",
    ),
    "names": (
        "tf.gather(self._names, tf.argmax(",
        "tf.gather(self._names, tf.argmin(",
        "32 of 32 encoded files have another class",
    ),
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("kind", WRONG)
def test_a_program_that_answers_encoded_files_otherwise_leaves_no_model(kind, tmp_path, monkeypatch):
    right, wrong, problem = WRONG[kind]
    folder = Path(shutil.copytree(tensorflow_forms.PROGRAM.parent, tmp_path / "programs"))
    program = folder / "build.py"
    text = program.read_text()
    assert right in text
    program.write_text(text.replace(right, wrong))
    monkeypatch.setattr(tensorflow_forms, "PROGRAM", program)
    run = make_run(tmp_path, "resnet20", uncut=37)
    images = torch.from_numpy(noise_for(run, 40))
    test = Dataset("noise", "test", images, torch.zeros(40, dtype=torch.int64), run.class_names, False, "")
    (tmp_path / "out").mkdir()
    row = Exporter(Source(run, threads=1), test, tmp_path / "out").export(SavedModelForm())
    assert row.problem.startswith(problem) and row.path is None and row.largest_difference < 1e-4
    assert not list((tmp_path / "out").iterdir())


def test_the_program_that_fails_is_named(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho something >&2\necho 'no such kernel' >&2\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setenv(machine.TENSORFLOW_VARIABLE, str(python))
    run = make_run(tmp_path, "convnet_fast")
    with pytest.raises(CheckFailedError, match=r"^TensorFlow failed with exit code 3: no such kernel"):
        SavedModelForm().write(Source(run, threads=1), tmp_path / "made", noise_for(run, 20))


def test_the_program_is_given_everything_and_nothing_of_torch(tmp_path):
    run = make_run(tmp_path, "resnet20", uncut=37)
    with tempfile.TemporaryDirectory() as folder:
        put_spec(Path(folder), Source(run, threads=1), noise_for(run, 20))
        graph = json.loads((Path(folder) / "graph.json").read_text())
        assert graph["input_shape"] == [3, 32, 32] and graph["layers"][-1]["shape"] == [10]
        assert np.load(Path(folder) / "pixels.npy").shape == (20, 3, 32, 32)
        assert "head.fc.weight" in np.load(Path(folder) / "weights.npz")
        first = decode_picture(Path(folder) / "files" / "0000.png")
        assert np.array_equal(first, noise_for(run, 20)[0])
