"""A finished run made longer: by `resume`, and by whoever needs a finished run."""

import pytest

import cnnlab
from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError, RunError, StoppedError
from cnnlab.lab import compare
from cnnlab.runs import RunFolder
from cnnlab.training import SilentProgress

CONSTANT = RunConfig.from_dict(
    {
        "threads": 1,
        "model": {"name": "lenet5"},
        "data": {"name": "digits", "image_size": 14},
        "schedule": {"name": "constant"},
        "train": {"steps": 4, "batch_size": 32, "log_every": 2, "val_every": 4},
    },
    source="test",
)
LONG = CONSTANT.with_changes({"train.steps": 8})


class Told(SilentProgress):
    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


@pytest.fixture
def short(tmp_path):
    return cnnlab.train(CONSTANT, out=tmp_path / "runs", progress=SilentProgress())


def weights(path):
    return (path / "model.safetensors").read_bytes()


def test_resume_makes_a_run_longer_in_a_folder_of_its_own(tmp_path, short):
    before = {path.name: path.read_bytes() for path in short.iterdir() if path.is_file()}
    told = Told()
    longer = cnnlab.resume(short, steps=8, progress=told)
    assert longer.parent == short.parent and longer != short
    assert f"goes on from it in {longer}" in told.messages[0]
    assert {path.name: path.read_bytes() for path in short.iterdir() if path.is_file()} == before
    whole = cnnlab.train(LONG, out=tmp_path / "other", progress=SilentProgress())
    assert weights(longer) == weights(whole)
    assert RunFolder(longer).evaluation["top1"] == RunFolder(whole).evaluation["top1"]
    assert cnnlab.resume(short, steps=8, progress=told) == longer  # what is there is not made twice
    assert "made longer before" in told.messages[-2] and "nothing to do" in told.messages[-1]


def test_a_longer_run_that_was_stopped_goes_on(short):
    class Stop(SilentProgress):
        def step(self, step, **figures):
            if step == 6:
                import signal

                signal.raise_signal(signal.SIGINT)

    with pytest.raises(StoppedError):
        cnnlab.resume(short, steps=8, progress=Stop())
    longer = cnnlab.resume(short, steps=8, progress=SilentProgress())
    assert len(list(short.parent.iterdir())) == 2
    assert RunFolder(longer).cost["steps"] == 8


@pytest.mark.parametrize(
    ("lengths", "kind", "message"),
    [
        ({"epochs": 2, "steps": 8}, ConfigError, "give one of them. Received: 2 and 8."),
        ({"steps": 0}, ConfigError, "--steps"),
        ({"steps": 4}, RunError, "it has done 4 steps; a longer run has more. Received: 4"),
    ],
)
def test_wrong_lengths(short, lengths, kind, message):
    with pytest.raises(kind) as error:
        cnnlab.resume(short, progress=SilentProgress(), **lengths)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_another_schedule_is_named_with_the_remedy(tmp_path):
    run = cnnlab.train(
        CONSTANT.with_changes({"schedule.name": "cosine"}), out=tmp_path, progress=SilentProgress()
    )
    with pytest.raises(RunError) as error:
        cnnlab.resume(run, epochs=1, progress=SilentProgress())
    assert "Received: cosine. Train anew with: cnnlab train" in str(error.value)
    assert str(error.value).endswith(f"/config.toml --epochs 1 --out {tmp_path}")


def test_an_unfinished_run_is_finished_first(tmp_path):
    folder = RunFolder.create(tmp_path, CONSTANT)
    with pytest.raises(RunError, match=r"has not finished. First: cnnlab resume"):
        cnnlab.resume(folder.path, steps=8, progress=SilentProgress())


def test_a_comparison_goes_on_from_a_shorter_run(tmp_path, launch, short):
    said = []
    comparison = compare([LONG], seeds=1, out=short.parent, launch=launch, say=said.append)
    ((_, _, begun),) = launch.asked
    assert begun is not None and comparison.networks[0].runs == (begun.name,)
    assert said == [f"[1/1] lenet5, seed 0: goes on from the end of {short}, in {begun}"]
    whole = cnnlab.train(LONG, out=tmp_path / "other", progress=SilentProgress())
    assert weights(begun) == weights(whole)


@pytest.mark.parametrize("damage", ["another processor", "other images", "no state"])
def test_a_comparison_trains_anew_where_it_cannot_go_on(launch, short, damage, monkeypatch):
    folder = RunFolder(short)
    if damage == "another processor":
        monkeypatch.setattr("cnnlab.machine.cpu_name", lambda: "Another one")
    elif damage == "other images":
        data = folder.environment["data"]
        folder.environment = {
            **folder.environment,
            "data": {**data, "val": {**data["val"], "fingerprint": "x"}},
        }
    else:
        for file in folder.checkpoints.glob("*/state.json"):
            file.unlink()
    compare([LONG], seeds=1, out=short.parent, launch=launch, say=lambda line: None)
    assert launch.asked == [("lenet5", 0, None)]


def edit(path, old, new):
    text = (path / "config.toml").read_text()
    assert old in text
    (path / "config.toml").write_text(text.replace(old, new, 1))


def test_an_edited_config_is_no_beginning(short):
    edit(short, "seed = 0", "seed = 77")
    with pytest.raises(RunError, match=r"its config\.toml was changed after it was trained: seed was"):
        cnnlab.resume(short, steps=8, progress=SilentProgress())
    assert list(short.parent.iterdir()) == [short]


@pytest.mark.parametrize("steps", [4, 8])
def test_a_comparison_passes_over_a_run_whose_config_was_edited(launch, short, steps):
    edit(short, "label_smoothing = 0.0", "label_smoothing = 0.1")
    config = RunFolder(short).config.with_changes({"train.steps": steps})
    said = []
    compare([config], seeds=1, out=short.parent, launch=launch, say=said.append)
    assert launch.asked == [("lenet5", 0, None)]
    assert (
        steps == 8
        or "its config.toml was changed after it was trained: train.label_smoothing was" in " ".join(said)
    )


@pytest.mark.parametrize(("option", "value"), [("threads", 0), ("threads", 2)])
def test_what_cannot_go_on_leaves_no_folder(short, option, value):
    with pytest.raises((ConfigError, RunError), match=option):
        cnnlab.resume(short, steps=8, progress=SilentProgress(), **{option: value})
    assert list(short.parent.iterdir()) == [short]


def test_other_images_leave_no_folder(short, monkeypatch):
    edit(short, "split_seed = 0", "split_seed = 1")
    with pytest.raises(RunError, match=r"the train images of digits are not those|config\.toml is not"):
        cnnlab.resume(short, steps=8, progress=SilentProgress())
    assert list(short.parent.iterdir()) == [short]


def test_the_length_that_it_has_is_no_reason_to_train_anew(short):
    with pytest.raises(RunError, match=r"has done 4 steps; .* Received: 4\. Give more\.$"):
        cnnlab.resume(short, steps=4, progress=SilentProgress())


def test_a_run_without_its_cost_is_not_called_unfinished(short):
    (short / "cost.json").unlink()
    with pytest.raises(RunError, match=r"its cost\.json is gone\. .*--steps 8 --out "):
        cnnlab.resume(short, steps=8, progress=SilentProgress())
