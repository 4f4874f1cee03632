"""The configuration for Triton fits the file that `cnnlab export` writes."""

import re
from pathlib import Path

import onnx
from exported import export_to, make_run

CONFIG = Path(__file__).parents[2] / "deploy" / "triton" / "lenet5" / "config.pbtxt"
TYPES = {"TYPE_FP32": onnx.TensorProto.FLOAT}


def test_names_types_and_shapes_are_those_of_the_file(tmp_path):
    path = export_to(tmp_path / "model.onnx", make_run(tmp_path, "lenet5", is_digits=True))
    graph = onnx.load(path).graph
    config = CONFIG.read_text(encoding="utf-8")
    assert re.search(r'^name: "(\w+)"$', config, re.MULTILINE)[1] == CONFIG.parent.name
    assert int(re.search(r"^max_batch_size: (\d+)$", config, re.MULTILINE)[1]) > 1
    for section, values in (("input", graph.input), ("output", graph.output)):
        (value,) = values
        (block,) = re.findall(rf"^{section} \[(.*?)^\]", config, re.MULTILINE | re.DOTALL)
        name, kind, dims = re.search(
            r'name: "(\w+)"\s+data_type: (\w+)\s+dims: \[ ([\d, ]+) \]', block
        ).groups()
        tensor = value.type.tensor_type
        batch, *shape = tensor.shape.dim
        assert (name, TYPES[kind]) == (value.name, tensor.elem_type)
        assert [int(size) for size in dims.split(",")] == [size.dim_value for size in shape]
        assert batch.dim_param and not batch.dim_value  # Triton adds that axis: it must be free
