"""What is read is what was written, and nothing else is given to a runtime."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from exported import export_to, make_run, model_of
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import cnnlab
from cnnlab.data import normalise
from cnnlab.errors import ConfigError, DataError, ExportError, MissingResourceError
from cnnlab.evaluation import predict_probs
from cnnlab.export import load_export
from cnnlab.export.describe import describe_run
from cnnlab.export.sealed import seal
from cnnlab.lab.predict import prepare_image

RNG = np.random.default_rng(0)


def test_it_says_what_it_is(small_run, small_file):
    exported = load_export(small_file)
    assert (exported.network, exported.dataset, exported.precision) == ("convnet_fast", "mnist", "float32")
    assert exported.class_names == small_run.class_names
    assert (exported.in_channels, exported.image_size, exported.is_digits) == (1, 28, True)


@pytest.mark.parametrize("num_images", [1, 3, 70])
def test_probabilities_are_those_of_the_run_for_any_batch(small_run, small_file, num_images):
    images = RNG.integers(0, 256, (num_images, 1, 28, 28), dtype=np.uint8)
    exported = load_export(small_file, threads=1)
    inputs = exported.description.preparation.inputs(images)
    expected = predict_probs(small_run, torch.from_numpy(images)).numpy()
    assert np.abs(exported.probs(inputs) - expected).max() < 1e-6
    assert exported.logits(inputs[:0]).shape == (0, 10)


PREPARED = {
    "digits": ("convnet_fast", {"is_digits": True}),
    "enlarged small digits": ("convnet_fast", {"is_digits": True, "data": "digits"}),
    "digits as colour": ("resnet20", {"is_digits": True, "image_size": 28}),
    "photographs": ("resnet20", {"data": "cifar10"}),
    "photographs, cut": ("resnet20", {"data": "some/folder", "uncut": 37}),
    "grey photographs": ("lenet5", {"data": "fashion-mnist"}),
}


def pictures() -> dict[str, Image.Image]:
    noise = RNG.integers(0, 256, (50, 61, 3), dtype=np.uint8)
    strokes = np.full((120, 90), 225, dtype=np.uint8)
    strokes[20:100, 40:50] = 30
    clear = np.full((40, 40, 4), 255, dtype=np.uint8)
    clear[5:30, 18:22] = (10, 20, 30, 200)
    small = np.zeros((28, 28), dtype=np.uint8)
    small[5:23, 12:15] = 255
    return {
        "drawn": Image.fromarray(strokes),
        "colour": Image.fromarray(np.where(strokes[:50, :61, None] < 100, noise // 4, 255 - noise // 8)),
        "transparent": Image.fromarray(clear),
        "of the set": Image.fromarray(small),
        "palette": Image.fromarray(strokes).convert("P"),
        "16 bits": Image.fromarray(strokes.astype(np.uint16) * 257),
    }


@pytest.mark.parametrize("case", PREPARED)
def test_pictures_are_prepared_as_predict_does(case, tmp_path):
    network, settings = PREPARED[case]
    run = make_run(tmp_path, network, **settings)
    exported = load_export(export_to(tmp_path / "made.onnx", run))
    for name, picture in pictures().items():
        path = tmp_path / f"{name}.png"
        picture.save(path)
        pixels = prepare_image(run, path)
        first = (run.image_size - run.crop_size) // 2
        cut = pixels[None, :, first : first + run.crop_size, first : first + run.crop_size]
        expected = normalise(cut, run.mean, run.std)[0].numpy()
        for given in (path, str(path), Image.open(path)):
            found = exported.prepare(given)
            assert found.dtype == np.float32 and np.abs(found - expected).max() < 1e-6, name


def test_labels_are_those_of_predict(small_run, small_file, tmp_path):
    paths = []
    for name, picture in pictures().items():
        paths.append(tmp_path / f"{name}.png")
        picture.save(paths[-1])
    expected = cnnlab.predict(small_run.folder.path, paths, top_k=10)
    found = load_export(small_file).predict(paths, top_k=10)
    for answer, labels in zip(expected, found, strict=True):
        assert dict(labels) == pytest.approx(dict(answer.labels), abs=1e-5)
        assert [prob for _, prob in labels] == sorted((prob for _, prob in labels), reverse=True)


def test_one_picture_or_many_of_any_kind(small_file, tmp_path):
    exported = load_export(small_file)
    array = np.asarray(pictures()["drawn"])
    Image.fromarray(array).save(tmp_path / "one.png")
    colour = np.repeat(array[:, :, None], 3, axis=2)
    kinds = [array, colour, Image.fromarray(array), tmp_path / "one.png", str(tmp_path / "one.png")]
    assert len({labels for labels in exported.predict(kinds)}) == 1
    assert exported.predict(array, top_k=2) == [exported.predict(kinds)[0][:2]]
    assert exported.predict([]) == []


@pytest.mark.parametrize(
    "array", [np.zeros((28, 28), dtype=np.float32), np.zeros((1, 28, 28), dtype=np.uint8), np.uint8(3)[None]]
)
def test_arrays_of_another_form_are_refused(small_file, array):
    with pytest.raises(DataError, match="image 0: an array must be uint8, H x W or H x W x 3"):
        load_export(small_file).predict([array])


def test_a_picture_without_a_digit_is_named(small_file, tmp_path):
    Image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    with pytest.raises(DataError, match=r"blank\.png: must show a digit"):
        load_export(small_file).predict(tmp_path / "blank.png")


def test_wrong_arguments(small_file):
    exported = load_export(small_file)
    with pytest.raises(ConfigError, match="top_k"):
        exported.predict([], top_k=0)
    with pytest.raises(ConfigError, match="threads"):
        load_export(small_file, threads=0)
    with pytest.raises(DataError, match="takes float32 images of N x 1 x 28 x 28"):
        exported.probs(np.zeros((1, 28, 28), dtype=np.float32))
    with pytest.raises(DataError, match="Received: float64"):
        exported.probs(np.zeros((1, 1, 28, 28)))  # pyright: ignore[reportArgumentType]


def test_no_torch_is_needed(small_file):
    code = (
        "import sys, numpy, cnnlab\n"
        f"exported = cnnlab.load_export({str(small_file)!r})\n"
        "picture = numpy.zeros((80, 60), dtype='uint8')\n"
        "picture[10:70, 25:32] = 255\n"
        "print(len(exported.predict(picture)[0]), 'torch' in sys.modules, 'onnx' in sys.modules)\n"
        "import os; print(os.environ['ORT_DISABLE_TELEMETRY'])\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["3", "False", "False", "1"]


# --- files that are not what they should be -----------------------------------------------------------------


def test_every_damage_is_noticed(small_file, tmp_path):
    content = small_file.read_bytes()
    path = tmp_path / "damaged.onnx"
    for place in (
        *range(0, 200),
        *RNG.integers(0, len(content), 200),
        *range(len(content) - 150, len(content)),
    ):
        damaged = bytearray(content)
        damaged[place] ^= 1 << RNG.integers(0, 8)
        path.write_bytes(damaged)
        with pytest.raises(ExportError, match="damaged"):
            load_export(path)


def test_every_truncation_is_noticed(small_file, tmp_path):
    content = small_file.read_bytes()
    path = tmp_path / "cut.onnx"
    for length in (
        *range(0, 100),
        *RNG.integers(0, len(content), 100),
        *range(len(content) - 100, len(content)),
    ):
        path.write_bytes(content[:length])
        with pytest.raises(ExportError):
            load_export(path)


def test_what_is_no_file_or_another(small_run, small_file, tmp_path):
    (tmp_path / "text.onnx").write_text("no network\n")
    (tmp_path / "foreign.onnx").write_bytes(model_of(small_run).SerializeToString())
    (tmp_path / "added.onnx").write_bytes(small_file.read_bytes() + b"\x08\x0a")
    for name, message in {
        "none.onnx": "cannot be read: No such file",
        "text.onnx": "is damaged, or no ONNX file",
        "foreign.onnx": "was not exported by cnnlab",
        "added.onnx": "is damaged or was changed",
        ".": "must be an ONNX file",
    }.items():
        with pytest.raises(ExportError, match=message) as caught:
            load_export(tmp_path / name)
        assert "\n" not in str(caught.value)


def sealed_with(run, tmp_path, change):
    """Write a file whose model has been changed, and sealed anew: the sum is right."""
    model = model_of(run)
    change(model)
    path = tmp_path / "changed.onnx"
    path.write_bytes(seal(model.SerializeToString(), describe_run(run)))
    return path


def add_operator(model, *node, **attributes):
    model.graph.node.insert(0, helper.make_node(*node, **attributes))


def put_weights_outside(model):
    weights = model.graph.initializer[0]
    weights.data_location = TensorProto.EXTERNAL
    weights.ClearField("raw_data")
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


LOOP = helper.make_graph([], "body", [], [])
CONSTANT = numpy_helper.from_array(np.ones(3, dtype=np.float32))
CONSTANT.data_location = TensorProto.EXTERNAL
HOSTILE = {
    "weights outside": (put_weights_outside, "lie in another file"),
    "weights outside, in a constant": (
        lambda model: add_operator(model, "Relu", ["images"], ["x"], value=CONSTANT),
        "lie in another file",
    ),
    "a loop": (lambda model: add_operator(model, "Loop", ["", ""], ["x"], body=LOOP), "'Loop'"),
    "a branch in disguise": (
        lambda model: add_operator(model, "Relu", ["images"], ["x"], body=LOOP),
        "a graph of its own",
    ),
    "another's operator": (
        lambda model: add_operator(model, "Relu", ["images"], ["x"], domain="com.example"),
        "'com.example.Relu'",
    ),
    "a function": (
        lambda model: model.functions.append(helper.make_function("", "Relu", [], [], [], [])),
        "functions",
    ),
    "sparse weights": (lambda model: model.graph.sparse_initializer.add(), "sparse"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_only_operators_of_our_networks_reach_the_runtime(kind, small_run, tmp_path, monkeypatch):
    def run_nothing(*_args, **_options):
        raise AssertionError("it was given to the runtime")

    change, message = HOSTILE[kind]
    path = sealed_with(small_run, tmp_path, change)
    monkeypatch.setattr("cnnlab.export.loading.open_session", run_nothing)
    with pytest.raises(ExportError, match=message):
        load_export(path)


def test_a_number_in_the_place_of_a_graph(small_run, tmp_path):
    path = tmp_path / "number.onnx"
    path.write_bytes(seal(model_of(small_run).SerializeToString() + b"\x38\x01", describe_run(small_run)))
    with pytest.raises(ExportError, match="must hold a graph, and holds a number in its place"):
        load_export(path)


def test_what_lies_around_a_folder_of_images_is_not_handed_out(small_run):
    paths = {"data": "/home/alice/customers/cats", "recipe": "private/mine.toml", "seed": 3}
    with_paths = replace(small_run, description=small_run.description | {"trained_on": paths})
    assert describe_run(with_paths).trained_on == {"data": "cats", "recipe": "mine.toml", "seed": 3}


def test_a_graph_that_the_runtime_cannot_read(small_run, tmp_path):
    path = sealed_with(small_run, tmp_path, lambda model: add_operator(model, "Relu", ["nothing"], ["x"]))
    with pytest.raises(ExportError, match="ONNX Runtime cannot read it") as caught:
        load_export(path)
    assert "\n" not in str(caught.value)


def test_a_graph_that_mixes_images_is_refused_when_it_answers(small_file, monkeypatch):
    class Mixing:
        def run(self, _outputs, inputs):
            return [np.zeros((28 * len(inputs["images"]), 10), dtype=np.float32)]

    exported = load_export(small_file)
    monkeypatch.setattr(exported, "_session", Mixing())
    with pytest.raises(ExportError, match="one row of logits for each image"):
        exported.logits(np.zeros((1, 1, 28, 28), dtype=np.float32))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a": NaN}', '{"a": "\\ud800"}'], ids=["deep", "no number", "half a character"]
)
def test_a_description_that_no_export_writes(text, small_run, tmp_path):
    class Forged:
        def to_json(self):
            return text

    path = tmp_path / "forged.onnx"
    path.write_bytes(seal(model_of(small_run).SerializeToString(), Forged()))
    with pytest.raises(ExportError, match="is damaged, or no ONNX file"):
        load_export(path)


def test_what_is_no_picture_is_one_line(small_file):
    network = load_export(small_file)
    for images, kind in (
        (None, "NoneType"),
        (5, "int"),
        (b"png", "bytes"),
        ([b"png"], "bytes"),
        ([None], "NoneType"),
    ):
        with pytest.raises(ConfigError, match=f"must be a path, .* Received: {kind}"):
            network.predict(images)
    for top_k in (0, 1.5, "3", None, True):
        with pytest.raises(ConfigError, match="top_k: must be a whole number of at least 1"):
            network.predict([], top_k=top_k)
    assert network.predict([], top_k=np.int64(2)) == []
    assert load_export(small_file, threads=np.int64(1)).class_names == network.class_names
    for batch in (None, [1.0]):
        with pytest.raises(DataError, match="takes an array"):
            network.probs(batch)
    with pytest.raises(DataError, match="cannot be read: embedded null byte"):
        network.predict("a\0b")
    with pytest.raises(ExportError, match="cannot be read: embedded null byte"):
        load_export("a\0b")
    for threads in (0, "3", 1.5, 2**31):
        with pytest.raises(ConfigError, match="threads: must be a whole number, 1 to 1024"):
            load_export(small_file, threads=threads)
    with pytest.raises(ConfigError, match=r"path: must be that of an ONNX file\. Received: NoneType"):
        load_export(None)


def test_a_number_of_classes_that_differs(small_run, tmp_path):
    description = describe_run(small_run)
    network = description.network | {"num_classes": 9}
    nine = replace(description, network=network, class_names=description.class_names[:9])
    with pytest.raises(ExportError, match="one logit for each of its 9 class names"):
        load_export(export_to(tmp_path / "nine.onnx", small_run, description=nine))
    fewer = replace(description, class_names=description.class_names[:9])
    with pytest.raises(ExportError, match="9 class names for 10 classes"):
        load_export(export_to(tmp_path / "fewer.onnx", small_run, description=fewer))


def test_a_description_of_another_time(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr("cnnlab.export.description.FORMAT", "cnnlab-export-9")
    path = export_to(tmp_path / "later.onnx", small_run)
    monkeypatch.undo()
    with pytest.raises(ExportError, match="'cnnlab-export-9'; this version reads 'cnnlab-export-1'"):
        load_export(path)


def test_without_the_runtime_there_is_a_remedy(small_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingResourceError, match=r"pip install 'cnnlab\[export\]'"):
        load_export(small_file)
