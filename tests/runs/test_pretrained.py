import json

import pytest
import torch

from cnnlab.errors import RunError
from cnnlab.runs import (
    PretrainedLayer,
    Pretraining,
    PretrainingRecord,
    RunFolder,
    find_pretraining,
    load_pretraining,
    read_record,
    save_pretraining,
    save_weights,
)
from cnnlab.runs.pretrained import RECORD, TENSORS

LAYER = PretrainedLayer(layer="conv1", steps=9, error_before=1.0, error=0.1 + 0.2, seconds=0.5)
ORIGIN = {"seed": 3, "pretrain": {"lr": 1e-3}, "model": {"args": {"dropout": 0.1}}}


def some(seed: int = 3) -> Pretraining:
    record = PretrainingRecord(method="rbm", num_images=70, layers=[LAYER], origin={**ORIGIN, "seed": seed})
    return Pretraining(
        {"features.conv1.weight": torch.randn(2, 1, 3, 3)}, {"restored": torch.rand(3)}, record
    )


@pytest.fixture
def folders(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.mkdir()
    return [RunFolder(path) for path in paths]


def test_it_comes_back_as_it_was(folders):
    one = some()
    assert load_pretraining(folders[0]) is None and read_record(folders[0]) is None
    save_pretraining(folders[0], one)
    back = load_pretraining(folders[0])
    assert back is not None
    for before, after in ((one.weights, back.weights), (one.pictures, back.pictures)):
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
    assert back.record == one.record == read_record(folders[0])


def test_it_is_found_by_its_origin_in_this_run_first(folders):
    for folder, seed in zip(folders, (4, 3, 3), strict=True):
        save_pretraining(folder, some(seed))
    lines: list[str] = []

    def found(folder: RunFolder, seed: int) -> str | None:
        answer = find_pretraining(folder, {**ORIGIN, "seed": seed}, warn=lines.append)
        return answer and answer[1].name

    assert [found(folder, 3) for folder in folders] == ["b", "b", "c"]
    assert [found(folder, 4) for folder in folders] == ["a", "a", "a"]
    assert found(folders[0], 5) is None
    assert lines == []


def test_one_of_an_earlier_version_is_found(folders):
    """Its record does not know of what is off by default."""
    one = some()
    before = {**ORIGIN, "execution": {"precision": "float32"}}
    save_pretraining(
        folders[0], Pretraining(one.weights, one.pictures, one.record.model_copy(update={"origin": before}))
    )
    now = {"precision": "float32", "compiled": False, "emulated": False}
    for execution, is_found in ((now, True), ({**now, "emulated": True}, False)):
        answer = find_pretraining(folders[1], {**ORIGIN, "execution": execution}, warn=print)
        assert (answer is not None) is is_found


@pytest.mark.parametrize("name", [RECORD, TENSORS])
def test_a_damaged_file_is_named_and_the_next_run_s_is_taken(folders, name):
    save_pretraining(folders[0], some())
    save_pretraining(folders[1], some())
    content = (folders[0].path / name).read_bytes()
    (folders[0].path / name).write_bytes(content[:-3])
    lines: list[str] = []
    answer = find_pretraining(folders[2], ORIGIN, warn=lines.append)
    assert answer is not None and answer[1].name == "b"
    assert len(lines) == 1 and str(folders[0].path / name) in lines[0] and "passed over" in lines[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": [{**LAYER.model_dump(), "error": "small"}]}, "layers.0.error"),
        ({"num_images": -1}, "num_images"),
        ({"origin": 3}, "origin: is no table of values"),
    ],
)
def test_a_record_of_another_form_is_refused(folders, change, message):
    save_pretraining(folders[0], some())
    path = folders[0].path / RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(RunError) as caught:
        read_record(folders[0])
    assert f"{path}: damaged: " in str(caught.value) and message in str(caught.value)


def test_tensors_of_another_form_are_refused(folders):
    save_weights(folders[0].path / TENSORS, {"x/y": torch.zeros(1)}, some().record.model_dump(mode="json"))
    with pytest.raises(RunError, match="damaged"):
        load_pretraining(folders[0])
