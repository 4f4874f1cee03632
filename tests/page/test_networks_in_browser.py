"""Every kind of layer in the browser: probabilities as ONNX Runtime gives them here, maps of each."""

import numpy as np
import pytest
import torch
from exported import export_to, make_run, model_of
from visits import api, serving

from cnnlab.export import load_export
from cnnlab.export.describe import describe_run
from cnnlab.export.int8 import quantized
from cnnlab.export.sealed import seal

NETWORKS = {
    "lrn": ("alexnet_mnist3", {}, 1),
    "branches": ("googlenet_small", {}, 1),
    "shortcuts": ("preact_resnet20", {}, 3),
    "sigmoid": ("convnet_fast", {"activation": "sigmoid"}, 1),
    "tanh": ("lenet5", {"activation": "tanh"}, 1),
}
PICTURE = """
() => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [50, 40];
  const context = canvas.getContext("2d");
  for (let place = 0; place < 40; place++) {
    context.fillStyle = `rgb(${(place * 37) % 256}, ${(place * 91) % 256}, ${(place * 53) % 256})`;
    context.fillRect((place % 8) * 7, Math.floor(place / 8) * 8, 7, 8);
  }
  return new Promise((done) => canvas.toBlob((blob) => blob.arrayBuffer().then(
    (bytes) => done([...new Uint8Array(bytes)])), "image/png"));
}
"""


@pytest.mark.slow
def test_each_kind_of_network_computes_in_the_browser_as_here(visit, runtime, tmp_path):
    files = []
    for name, (network, args, channels) in NETWORKS.items():
        run = make_run(tmp_path, network, args=args, channels=channels)
        files.append(export_to(tmp_path / f"{name}.onnx", run))
    run = make_run(tmp_path, "convnet_mnist")
    calibration = torch.rand(64, 1, 28, 28).numpy()
    model = quantized(model_of(run), calibration)
    model.ClearField("metadata_props")
    files.append(tmp_path / "int8.onnx")
    files[-1].write_bytes(seal(model.SerializeToString(), describe_run(run, precision="int8")))
    with serving(*files) as address:
        opened = visit(address).ready()
        page = opened.page
        for box in page.locator("#networks input").all():
            box.check()
        picture = bytes(page.evaluate(PICTURE))
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": picture})
        (tmp_path / "a.png").write_bytes(picture)
        page.click("#inside summary")
        for file in files:
            expected = load_export(file, threads=1)
            opened.card(expected.network).locator(".guess strong").wait_for()
            wanted = expected.probs(expected.prepare(tmp_path / "a.png")[None])[0]
            tolerance = 1e-4 if expected.precision == "float32" else 0.02  # a value may round to another step
            assert np.abs(opened.probs(expected.network) - wanted).max() < tolerance, file.name
            page.locator("#inside select").select_option(label=expected.network)
            layers = page.locator("#layers")
            if expected.precision == "int8":
                api.expect(layers).to_contain_text("whole numbers (int8), and there are no maps")
                assert not page.locator("#inside-lead").is_visible()
            else:
                api.expect(layers.locator("h3").last).to_have_text("logits · dense layer")
                assert layers.locator("canvas").count() > 5
