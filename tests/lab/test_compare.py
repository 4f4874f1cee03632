import pytest

from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError, RunError, StoppedError
from cnnlab.lab import compare as compare_verb
from cnnlab.lab.compare import compare
from cnnlab.runs import RunFolder


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


def test_another_setting_is_another_run(tmp_path, launch):
    compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch)
    compare([config_of("lenet5", **{"optim.lr": 0.01})], seeds=1, out=tmp_path, launch=launch)
    assert launch.asked == [("lenet5", 0, None)] * 2


def test_an_unfinished_run_is_gone_on_with(tmp_path, launch):
    started = RunFolder.create(tmp_path, PAIR[0])
    comparison = compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch)
    assert launch.asked == [("lenet5", 0, started.path)]
    assert comparison.networks[0].runs == (started.name,)


def test_a_damaged_run_is_left_alone(tmp_path, launch):
    damaged = RunFolder.create(tmp_path, PAIR[0])
    (damaged.path / "config.toml").write_text("[")
    compare(PAIR[:1], seeds=1, out=tmp_path, launch=launch)
    assert launch.asked == [("lenet5", 0, None)]


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
        (PAIR, {"seeds": 0}, "--seeds: must be at least 1. Received: 0"),
        ([], {}, "name at least one network"),
        ([PAIR[0], PAIR[0]], {}, "'lenet5' is named twice"),
        (["lenet6"], {}, "lenet6"),
        (["lenet5"], {"seed": 3}, "--seeds"),
        (
            ["lenet5", "resnet20-cifar10"],
            {},
            "data.name is 'cifar10' for resnet20-cifar10, 'mnist' for lenet5",
        ),
        (
            [PAIR[0], config_of("resnet20", **{"data.split_seed": 3})],
            {},
            "data.split_seed is 3 for resnet20, 0 for lenet5. Choose one for all with --set data.split_seed",
        ),
        (
            [PAIR[0], config_of("resnet20", **{"data.image_size": 28})],
            {},
            "data.image_size is 28 for resnet20",
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
