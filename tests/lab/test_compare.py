import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from cnnlab import machine
from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError, GeometryError, MissingResourceError, RunError, StoppedError
from cnnlab.lab import compare as compare_verb
from cnnlab.lab import resume, train
from cnnlab.lab.compare import compare
from cnnlab.runs import RunFolder
from cnnlab.training import SilentProgress


def config_of(network, **changes):
    values = {
        "threads": 1,
        "model": {"name": network},
        "data": {"name": "digits", "image_size": 14},
        "train": {"steps": 4},
    }
    return RunConfig.from_dict(values, source="test").with_changes(changes)


def refuse(config, out, unfinished):
    raise AssertionError("something was trained")


PAIR = [config_of("lenet5"), config_of("convnet_mnist")]


def test_what_is_missing_is_trained_and_nothing_twice(tmp_path, launch):
    said = []
    comparison = compare(PAIR, seeds=2, out=tmp_path, launch=launch, command="the command", say=said.append)
    assert launch.asked == [
        ("lenet5", 0, None), ("lenet5", 1, None), ("convnet_mnist", 0, None), ("convnet_mnist", 1, None)
    ]  # fmt: skip
    assert [result.name for result in comparison.networks] == ["lenet5", "convnet_mnist"]
    assert (comparison.data, comparison.num_images, comparison.seeds) == ("digits", 360, (0, 1))
    assert comparison.command == "the command"
    for result in comparison.networks:
        folders = [RunFolder.open(tmp_path / name) for name in result.runs]
        assert [folder.config.seed for folder in folders] == [0, 1]
        assert result.top1 == tuple((folder.evaluation or {})["top1"] for folder in folders)
        assert result.seconds_per_epoch > 0 and result.peak_memory_bytes > 1e6
    assert len(said) == 4 and said[2].startswith("[3/4] convnet_mnist, seed 0: is trained")

    # Again: the same from what is there. Another seed: only that one is trained.
    assert compare(PAIR, seeds=2, out=tmp_path, launch=refuse, command="the command") == comparison
    launch.asked.clear()
    three = compare(PAIR, seeds=3, out=tmp_path, launch=launch, say=said.append)
    assert launch.asked == [("lenet5", 2, None), ("convnet_mnist", 2, None)]
    assert three.networks[1].test is not None and three.networks[1].test.method == "paired t over seeds"
    assert three.networks[0].top1[:2] == comparison.networks[0].top1


def test_a_network_that_cannot_be_built_is_refused_before_any_is_trained(tmp_path):
    small = [config_of(network, **{"data.image_size": 8}) for network in ("convnet_mnist", "lenet5")]
    with pytest.raises(GeometryError, match=r"lenet5.*12x12"):
        compare(small, seeds=1, out=tmp_path, launch=refuse)
    assert not list(tmp_path.iterdir())


def test_another_setting_is_another_run(tmp_path, launch):
    compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch)
    compare([config_of("lenet5", **{"optim.lr": 0.01})], seeds=1, out=tmp_path, launch=launch)
    assert launch.asked == [("lenet5", 0, None)] * 2


def test_other_views_of_the_test_images_are_another_run(tmp_path, launch):
    mirror = {"changes": {"evaluation.tta": "mirror"}}
    first = compare(PAIR[1:], seeds=1, out=tmp_path, launch=launch)
    second = compare(PAIR[1:], seeds=1, out=tmp_path, launch=launch, **mirror)
    assert launch.asked == [("convnet_mnist", 0, None)] * 2
    assert (first.views, second.views) == ("one view", "mirror, probabilities averaged")
    assert compare(PAIR[1:], seeds=1, out=tmp_path, launch=refuse) == first
    assert compare(PAIR[1:], seeds=1, out=tmp_path, launch=refuse, **mirror) == second


def test_scores_by_views_that_the_config_does_not_ask_for_are_passed_over(tmp_path, launch):
    said = []
    first = compare(PAIR[1:], seeds=1, out=tmp_path, launch=launch)
    folder = RunFolder(tmp_path / first.networks[0].runs[0])
    folder.evaluation = (folder.evaluation or {}) | {"tta": "mirror"}
    second = compare(PAIR[1:], seeds=1, out=tmp_path, launch=launch, say=said.append)
    assert second.networks[0].runs != first.networks[0].runs
    assert f"{folder.path} is passed over: its eval.json holds scores by mirror, probabilities" in said[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evaluation.first": 361}, r"evaluation\.first: digits has 360 test images.*Received: 361"),
        ({"evaluation.tta": "ten-crop"}, r"evaluation\.tta: ten-crop needs images larger than the 14 x 14"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_any_is_trained(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        compare(PAIR, seeds=1, out=tmp_path, launch=refuse, changes=changes)
    assert not list(tmp_path.iterdir())


def test_an_unfinished_run_is_gone_on_with(tmp_path, launch):
    started = RunFolder.create(tmp_path, PAIR[0])
    comparison = compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch)
    assert launch.asked == [("lenet5", 0, started.path)]
    assert comparison.networks[0].runs == (started.name,)


def folder_of_images(path, shade):
    """Write six images of each of two classes, which differ between shades."""
    generator = np.random.default_rng(shade)
    for part, num in (("train", 6), ("test", 2)):
        for label in ("a", "b"):
            (path / part / label).mkdir(parents=True, exist_ok=True)
            for number in range(num):
                pixels = generator.integers(0, 256, (14, 14), dtype=np.uint8)
                Image.fromarray(pixels).save(path / part / label / f"{number}.png")
    return path


@pytest.fixture
def own_images(tmp_path):
    return folder_of_images(tmp_path / "images", 0)


def test_runs_on_other_training_images_are_passed_over(tmp_path, launch, own_images):
    said, out = [], tmp_path / "runs"
    options = {"data": str(own_images), "seeds": 1, "out": out, "launch": launch, "say": said.append}
    first = compare(PAIR[:1], **options)
    folder_of_images(own_images, 1)
    second = compare(PAIR[:1], **options)
    assert launch.asked == [("lenet5", 0, None)] * 2
    (passed_over,) = [line for line in said if "passed over" in line]
    assert first.networks[0].runs[0] in passed_over and "\n" not in passed_over
    assert "the train images of" in passed_over and "are not those that it was trained on" in passed_over
    assert second.networks[0].runs != first.networks[0].runs
    folder_of_images(own_images, 0)  # the images of the first run are back
    launch.asked.clear()
    assert compare(PAIR[:1], **options).networks[0].runs == first.networks[0].runs
    assert launch.asked == []


@pytest.mark.parametrize("content", ["{}", "{"])
def test_a_run_that_does_not_say_what_it_saw_is_passed_over(tmp_path, launch, content):
    compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch)
    next(tmp_path.glob("lenet5*/environment.json")).write_text(content)
    compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch)
    assert launch.asked == [("lenet5", 0, None)] * 2


def test_missing_data_is_missed_before_training(tmp_path):
    with pytest.raises(MissingResourceError, match="no folder"):
        compare([config_of("lenet5", **{"data.name": "./nowhere"})], out=tmp_path, launch=refuse)


def stopped_run(out, config):
    """Leave a run that was stopped after its first validation."""

    class Stop(SilentProgress):
        def validate(self, step, *, loss, top1):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(StoppedError):
        train(config, out=out, progress=Stop())
    (path,) = out.iterdir()
    return path


BRIEF = config_of("convnet_mnist", **{"train.val_every": 2})


def test_an_interrupted_run_is_gone_on_with(tmp_path, launch):
    path = stopped_run(tmp_path, BRIEF)
    compare([BRIEF], seeds=1, out=tmp_path, launch=launch)
    assert launch.asked == [("convnet_mnist", 0, path)]


@pytest.mark.parametrize("state", ["unfinished", "trained"])
def test_a_run_that_would_come_to_other_bits_is_trained_anew(tmp_path, launch, monkeypatch, state):
    path = stopped_run(tmp_path, BRIEF)
    if state == "trained":
        resume(path, progress=SilentProgress(), test=False)
    monkeypatch.setattr("cnnlab.machine.cpu_name", lambda: "Another one")
    said = []
    comparison = compare([BRIEF], seeds=1, out=tmp_path, launch=launch, say=said.append)
    assert launch.asked == [("convnet_mnist", 0, None)]
    assert comparison.networks[0].runs != (path.name,)
    (passed_over,) = [line for line in said if "passed over" in line]
    assert f"{path} is passed over: it cannot go on to the same bits: hardware was" in passed_over
    assert "here 'Another one'" in passed_over and "\n" not in passed_over


def test_a_run_with_damaged_checkpoints_only_is_trained_anew(tmp_path, launch):
    path = stopped_run(tmp_path, BRIEF)
    for file in path.glob("checkpoint/*/state.json"):
        file.unlink()
    compare([BRIEF], seeds=1, out=tmp_path, launch=launch, say=lambda line: None)
    assert launch.asked == [("convnet_mnist", 0, None)]


def test_options_apply_to_complete_configs(tmp_path, launch):
    comparison = compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch, steps=3)
    assert RunFolder.open(tmp_path / comparison.networks[0].runs[0]).config.train.steps == 3


def test_a_damaged_run_is_left_alone(tmp_path, launch):
    damaged = RunFolder.create(tmp_path, PAIR[0])
    (damaged.path / "config.toml").write_text("[")
    said = []
    compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch, say=said.append)
    assert launch.asked == [("lenet5", 0, None)]
    (line,) = [line for line in said if "is passed over" in line]
    assert str(damaged.path) in line and "config.toml" in line


def test_a_run_whose_scores_are_damaged_is_named_with_the_remedy(tmp_path, launch):
    compare([BRIEF], seeds=1, out=tmp_path, launch=launch)
    (path,) = tmp_path.iterdir()
    (path / "eval.json").write_text("{")
    launch.asked.clear()
    said = []
    compare([BRIEF], seeds=1, out=tmp_path, launch=launch, say=said.append)
    assert launch.asked == [("convnet_mnist", 0, None)]
    (line,) = [line for line in said if "is passed over" in line]
    assert f"{path}/eval.json: damaged" in line and f"cnnlab evaluate {path}" in line


def test_a_stopped_run_that_lost_lines_is_passed_over(tmp_path, launch):
    path = stopped_run(tmp_path, BRIEF)
    (path / "metrics.jsonl").write_text("")
    said = []
    compare([BRIEF], seeds=1, out=tmp_path, launch=launch, say=said.append)
    assert launch.asked == [("convnet_mnist", 0, None)]
    (line,) = [line for line in said if "is passed over" in line]
    assert f"{path} is passed over: it cannot go on to the same bits: metrics.jsonl has lost lines" in line


def test_names_and_options_are_resolved(tmp_path, launch):
    changes = {"data.image_size": 14}
    comparison = compare(
        ["lenet5"], data="digits", seeds=1, out=tmp_path, launch=launch, steps=3, threads=1, changes=changes
    )
    config = RunFolder.open(tmp_path / comparison.networks[0].runs[0]).config
    assert (config.data.name, config.train.steps, config.data.image_size) == ("digits", 3, 14)
    assert comparison.networks[0].interval_method == "Wilson over images"


@pytest.mark.parametrize(
    ("networks", "options", "message"),
    [
        (PAIR, {"seeds": 0}, "--seeds: must be 1 to 1000. Received: 0"),
        (PAIR, {"seeds": 10**14}, "--seeds: must be 1 to 1000. Received: 1000"),
        ([], {}, "name at least one network"),
        ([PAIR[0], PAIR[0]], {}, "'lenet5' is named twice"),
        (["lenet6"], {}, "lenet6"),
        (["lenet5"], {"seed": 3}, "--seeds"),
        (["lenet5"], {"changes": {"seed": 3}}, "--seeds"),
        (["lenet5", "resnet20"], {}, "data.name is 'cifar10' for resnet20, 'mnist' for lenet5"),
        (
            [PAIR[0], config_of("resnet20", **{"data.split_seed": 3})],
            {},
            "data.split_seed is 3 for resnet20, 0 for lenet5. Choose one for all with --set data.split_seed",
        ),
        (
            [PAIR[0], config_of("resnet20", **{"data.train_size": 100})],
            {},
            "data.train_size is 100 for resnet20, None for lenet5. Choose one for all with --set data.train",
        ),
        (
            [PAIR[0], config_of("resnet20", **{"data.image_size": 28})],
            {},
            "data.image_size is 28 for resnet20",
        ),
        (
            [PAIR[0], config_of("resnet20", **{"evaluation.tta": "mirror"})],
            {},
            "evaluation.tta and .average say mirror, probabilities averaged for resnet20, one view for "
            "lenet5. Choose for all with --set evaluation.tta=",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_before_training(tmp_path, networks, options, message):
    with pytest.raises(ConfigError) as error:
        compare(networks, out=tmp_path, launch=refuse, **options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_runs_on_other_test_images_are_refused(tmp_path, launch):
    compare(PAIR, seeds=1, out=tmp_path, launch=launch)
    second = next(RunFolder(path) for path in tmp_path.glob("convnet*"))
    second.evaluation = (second.evaluation or {}) | {"fingerprint": "another"}
    with pytest.raises(RunError, match="cannot be compared"):
        compare(PAIR, seeds=1, out=tmp_path, launch=refuse)


def test_a_stop_goes_through_and_keeps_what_is_done(tmp_path, launch):
    def stop_at_second(config, out, unfinished):
        if launch.asked:
            raise StoppedError("stopped", exit_code=130)
        return launch(config, out, unfinished)

    with pytest.raises(StoppedError):
        compare(PAIR, seeds=1, out=tmp_path, launch=stop_at_second)
    launch.asked.clear()
    compare(PAIR, seeds=1, out=tmp_path, launch=launch)
    assert launch.asked == [("convnet_mnist", 0, None)]


def test_a_run_that_was_not_evaluated_is_named(tmp_path):
    def only_create(config, out, unfinished):
        return RunFolder.create(out, config).path

    with pytest.raises(RunError, match="not evaluated"):
        compare(PAIR[:1], seeds=1, out=tmp_path, launch=only_create)


def test_the_verb_of_the_lab_is_this_one():
    assert compare_verb is compare


def test_side_by_side_each_has_its_share_of_the_cores(tmp_path, launch, monkeypatch):
    monkeypatch.setattr(machine, "num_cores", lambda: 2)
    configs = [config.with_changes({"threads": None}) for config in PAIR]
    comparison = compare(configs, seeds=1, out=tmp_path, launch=launch, jobs=2, say=lambda line: None)
    assert [result.name for result in comparison.networks] == ["lenet5", "convnet_mnist"]
    assert {RunFolder(path).config.threads for path in tmp_path.iterdir() if path.is_dir()} == {1}
    with pytest.raises(ConfigError, match=r"^--jobs: must be 1 to 2"):
        compare(PAIR, seeds=1, out=tmp_path, launch=refuse, jobs=3)


def test_small_files_are_enough_of_runs_that_are_done(tmp_path, launch):
    """As they are kept in a repository: no weights, checkpoints, answers or pictures; three seeds."""
    before = compare(PAIR, seeds=3, out=tmp_path, launch=launch, say=lambda line: None)
    for path in tmp_path.glob("*/*"):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix not in (".json", ".jsonl", ".toml"):
            path.unlink()
    after = compare(PAIR, seeds=3, out=tmp_path, launch=refuse, say=lambda line: None)
    assert all(result.ensemble for result in before.networks)  # that alone needs the answers
    assert after == replace(before, networks=tuple(replace(one, ensemble=None) for one in before.networks))


@pytest.mark.parametrize("damage", ["junk", "lacking", "gone"])
def test_a_run_with_a_damaged_cost_is_passed_over_before_anything_is_trained(tmp_path, launch, damage):
    first = compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch, say=lambda line: None)
    cost = next(tmp_path.glob("*/cost.json"))
    if damage == "junk":
        cost.write_text("junk")
    elif damage == "lacking":
        cost.write_text('{"steps": 4}')
    else:
        cost.unlink()
    said = []
    again = compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch, say=said.append)
    assert "is passed over:" in said[0] and "cost.json" in said[0]
    assert again.networks[0].top1 == first.networks[0].top1 and len(launch.asked) == 2
    assert compare(PAIR[:1], seeds=1, out=tmp_path, launch=refuse, say=lambda line: None) == again
