"""Explanations over streams: what a map becomes, and questions one after another."""

import base64
import io
import json

import numpy as np
import torch
from made_run import made_run, some_images
from PIL import Image
from torch import nn

from cnnlab.explain import activations, grad_cam, service
from cnnlab.explain.sheet import map_of


def pixels_of(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def small_run():
    torch.manual_seed(0)
    features = {"conv1": nn.Conv2d(1, 5, 3, padding=1), "act1": nn.ReLU(), "pool1": nn.MaxPool2d(2)}
    return made_run(features, {"flatten": nn.Flatten(), "fc": nn.Linear(80, 3)}, size=8)


def values_in(found):
    """Take the numbers of a map out of its picture again."""
    num_maps, height, width = found["shape"] if len(found["shape"]) == 3 else (1, 1, *found["shape"])
    sheet = pixels_of(found["png"]).astype(float)
    rows = sheet.shape[0] // height
    maps = sheet.reshape(rows, height, found["columns"], width).swapaxes(1, 2).reshape(-1, height, width)
    assert not maps[num_maps:].any()
    return found["least"] + maps[:num_maps] / 255 * (found["largest"] - found["least"])


def test_a_picture_holds_the_numbers_of_its_maps():
    run, (image,) = small_run(), some_images(1, 1, 8)
    layers = activations(run, image)
    found = service.explain_pixels(run, image, method="activations", label="", layers=[])
    assert [one["layer"] for one in found["maps"]] == [layer.name for layer in layers]
    for one, layer in zip(found["maps"], layers, strict=True):
        values = layer.values.numpy()
        assert one["shape"] == list(values.shape) and one["kind"] == layer.kind
        near = (values.max() - values.min()) / 255 * 0.51
        assert np.abs(values_in(one) - values.reshape(values_in(one).shape)).max() <= near
    (flat,) = [map_of("x", "ReLU", torch.zeros(3, 2, 2))]
    assert flat["least"] == flat["largest"] == 0 and not pixels_of(flat["png"]).any()


def test_grad_cam_of_the_answer_or_of_another_class():
    run, (image,) = small_run(), some_images(1, 1, 8)
    for label in ("", "b"):
        found = service.explain_pixels(run, image, method="grad_cam", label=label, layers=[])
        index = run.class_names.index(label) if label else int(np.argmax(found["probs"]))
        expected, layer = grad_cam(run, image[None], torch.tensor([index]))
        (one,) = found["maps"]
        assert found["label"] == run.class_names[index] and one["layer"] == layer
        assert np.abs(values_in(one) - expected.numpy()).max() <= float(np.ptp(expected.numpy())) / 255 * 0.51
        assert pixels_of(one["overlay"]).shape == (224, 224, 3)


def test_questions_one_after_another(monkeypatch):
    run, (image,) = small_run(), some_images(1, 1, 8)
    loaded = []
    monkeypatch.setattr(service, "load_run", lambda path: (loaded.append(str(path)), run)[1])
    source, sink = io.BytesIO(), io.BytesIO()
    asked = [
        {"run": "one", "method": "activations", "label": "", "layers": ["head.fc"]},
        {"run": "one", "method": "activations", "label": "", "layers": ["head.f"]},
        {"run": "two", "method": "grad_cam", "label": "z", "layers": []},
        {"run": "one", "method": "grad_cam", "label": "c", "layers": []},
    ]
    for question in asked:
        text = json.dumps(question | {"shape": [1, 8, 8]}).encode()
        source.write(len(text).to_bytes(4, "big") + text + image.numpy().tobytes())
    source.seek(0)
    service.serve_streams(source, sink)
    sink.seek(0)
    answers = [json.loads(sink.read(int.from_bytes(sink.read(4), "big"))) for _ in asked]
    assert not sink.read() and loaded == ["one", "two"]
    assert [one["layer"] for one in answers[0]["maps"]] == ["head.fc"]
    assert answers[1]["field"] == "layers" and "Did you mean 'head.fc'?" in answers[1]["detail"]
    assert answers[2]["field"] == "label" and answers[3]["label"] == "c"


def test_a_run_that_cannot_be_read_is_said(tmp_path):
    question = {"run": str(tmp_path), "shape": [1, 1, 1], "method": "grad_cam", "label": "", "layers": []}
    text = json.dumps(question).encode()
    sink = io.BytesIO()
    service.serve_streams(io.BytesIO(len(text).to_bytes(4, "big") + text + b"\0"), sink)
    answer = json.loads(sink.getvalue()[4:])
    assert answer["field"] == "network" and "is not a run folder" in answer["detail"]
