import copy
import inspect
import pickle
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cnnlab.config import (
    AugmentConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    OptimConfig,
    PretrainConfig,
    RunConfig,
    ScheduleConfig,
    TrainConfig,
    parse_setting,
    parse_toml,
)
from cnnlab.errors import ConfigError

SECTIONS = (
    RunConfig,
    ModelConfig,
    DataConfig,
    AugmentConfig,
    PretrainConfig,
    OptimConfig,
    ScheduleConfig,
    TrainConfig,
    EvaluationConfig,
)

# Every field at a value that is not its default.
EVERYTHING: dict[str, Any] = {
    "recipe": "my recipe",
    "seed": 2**32 - 1,
    "device": "cpu",
    "precision": "bf16",
    "threads": 3,
    "compile": True,
    "model": {
        "name": "alexnet_mnist3",
        "args": {"lrn": False, "width": 1024, "dropout": 0.1 + 0.2, "activation": "tanh", "odd.key 'é": 1.0},
    },
    "data": {
        "name": '/a folder/ü "quoted" \\ 猫',
        "root": "/data",
        "val_size": 17,
        "split_seed": 5,
        "train_size": 100,
        "image_size": 33,
        "crop_size": 32,
        "channels": 3,
        "scale": "centred",
        "strict": True,
        "augment": {
            "pad_crop": 4,
            "mirror": True,
            "alternating": True,
            "shift": 1.5,
            "rotation": 10.0,
            "zoom": 0.1,
            "shear": 10.0,
            "elastic": 1.0,
            "pca": 0.1,
            "noise": 1e-300,
            "erasing": 0.25,
            "fill": "mean",
            "mixup": 0.2,
            "cutmix": 1.0,
        },
    },
    "pretrain": {
        "method": "rbm",
        "epochs": 0.25,
        "batch_size": 16,
        "lr": 0.1,
        "corruption": 0.0,
        "sparsity": 0.02,
    },
    "optim": {
        "name": "sgd",
        "lr": 5e-324,
        "momentum": 0.1,
        "nesterov": True,
        "muon_momentum": 0.7,
        "head_lr_factor": 2.5,
        "vector_lr_factor": 0.5,
        "beta1": 0.8,
        "beta2": 0.99,
        "rho": 0.95,
        "eps": 1e-6,
        "weight_decay": 5e-4,
        "decay_all": True,
        "clip_norm": 1.0,
    },
    "schedule": {
        "name": "step",
        "warmup": 0.05,
        "start": 0.1,
        "peak_at": 0.4,
        "final": 0.01,
        "milestones": (0.25, 0.6, 1.0),
        "gamma": 0.2,
    },
    "train": {
        "steps": 1800,
        "batch_size": 64,
        "label_smoothing": 0.1,
        "class_weights": "balanced",
        "candidates_from": 0.2,
        "ema_decay": 0.999,
        "keep": "best",
        "patience": 3,
        "log_every": 10,
        "val_every": 100,
        "checkpoint_seconds": 0.5,
    },
    "evaluation": {"tta": "ten-crop", "average": "logits", "first": 256},
}


def config(**changes: Any) -> RunConfig:
    return RunConfig.from_dict({"model": {"name": "lenet5"}, **changes}, source="here")


def refusal(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        config(**changes)
    return str(caught.value)


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in values.items():
        fields |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return fields


# --- fields ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_carries_the_sentence_that_explains_it(section):
    for name, field in section.model_fields.items():
        if inspect.isclass(field.annotation) and field.annotation in SECTIONS:
            assert inspect.getdoc(field.annotation), name
        else:
            assert field.description, f"{section.__name__}.{name} has no docstring"
            assert field.description.endswith("."), name


def test_a_bare_network_is_a_config():
    bare = config()
    assert (bare.model.name, bare.data.name, bare.train.epochs, bare.seed) == ("lenet5", "mnist", 10, 0)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("model", "name", "x"),
        ("optim", "lr", 1.0),
        ("train", "steps", 5),
        ("data", "strict", True),
        ("schedule", "warmup", 0.5),
    ],
)
def test_configs_never_change(section, field, value):
    with pytest.raises(ValidationError, match="frozen"):
        setattr(getattr(config(), section), field, value)
    with pytest.raises(ValidationError, match="frozen"):
        config().seed = 3


# --- TOML there and back --------------------------------------------------------------------------------


def test_everything_is_set_to_something_else_than_its_default():
    default = flat(config().model_dump())
    for name, value in flat(EVERYTHING).items():
        assert default.get(name) != value, name
    given_fields = flat(RunConfig.from_dict(EVERYTHING, source="x").model_dump()).keys()
    # What must not be set beside steps, class_weights, mixup and sgd:
    unset = {"train.epochs", "train.sampling", "train.candidates", "optim.renormalise"}
    assert given_fields - flat(EVERYTHING).keys() == unset


def test_toml_round_trip_keeps_every_field():
    everything = RunConfig.from_dict(EVERYTHING, source="here")
    back = RunConfig.from_toml(everything.to_toml(), source="back")
    assert back == everything
    assert flat(back.model_dump()) == {
        **flat(EVERYTHING),
        "train.epochs": None,
        "train.sampling": "shuffled",
        "train.candidates": 1,
        "optim.renormalise": False,
    }
    types = {name: type(value) for name, value in back.model.args.items()}
    assert types == {"lrn": bool, "width": int, "dropout": float, "activation": str, "odd.key 'é": float}


def test_toml_round_trip_of_the_defaults():
    assert RunConfig.from_toml(config().to_toml(), source="x") == config()


def test_toml_names_every_field_that_has_a_value():
    written = flat(tomllib.loads(config().to_toml()))
    unset = {name for name, value in flat(config().model_dump()).items() if value is None}
    assert written.keys() == flat(config().model_dump()).keys() - unset


FRACTIONS = st.floats(0.0, 1.0)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@settings(max_examples=200, deadline=None)
@given(
    lr=st.floats(min_value=0.0, exclude_min=True, max_value=1e38),
    epochs=st.floats(min_value=0.0, exclude_min=True, max_value=1e6),
    milestones=st.sets(FRACTIONS, max_size=4).map(sorted),
    name=TEXT.filter(str.strip),
    args=st.dictionaries(
        TEXT.filter(lambda key: key not in ("in_channels", "num_classes", "image_size")),
        st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT),
        max_size=4,
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_toml_round_trip_of_any_values(lr, epochs, milestones, name, args, seed):
    made = RunConfig.from_dict(
        {
            "seed": seed,
            "model": {"name": "x", "args": args},
            "data": {"name": name},
            "optim": {"lr": lr},
            "schedule": {"milestones": milestones},
            "train": {"epochs": epochs},
        },
        source="here",
    )
    back = RunConfig.from_toml(made.to_toml(), source="there")
    assert back == made
    assert repr(back) == repr(made)  # 1 and True and 1.0 are equal, but not the same


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "place", "near"),
    [
        ({"sede": 1}, "sede", "seed"),
        ({"model": {"name": "x", "argz": {}}}, "model.argz", "args"),
        ({"data": {"val_sise": 1}}, "data.val_sise", "val_size"),
        ({"data": {"augment": {"miror": True}}}, "data.augment.miror", "mirror"),
        ({"optim": {"weight_decai": 0.1}}, "optim.weight_decai", "weight_decay"),
        ({"schedule": {"warm_up": 0.1}}, "schedule.warm_up", "warmup"),
        ({"train": {"epochs": 1, "batchsize": 1}}, "train.batchsize", "batch_size"),
        ({"evaluation": {"taa": "mirror"}}, "evaluation.taa", "tta"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest_known_one(changes, place, near):
    message = refusal(**changes)
    assert message.startswith(f"here: unknown setting {place!r}. Did you mean ")
    assert repr(near) in message


def test_an_unknown_key_without_a_near_one_lists_all():
    message = refusal(train={"epochs": 1, "zzz": 1})
    assert "Known: " in message
    assert "label_smoothing" in message


WRONG = [
    ({"seed": -1}, "seed", "-1"),
    ({"seed": 2**32}, "seed", "4294967296"),
    ({"seed": 1.5}, "seed", "1.5"),
    ({"seed": "1"}, "seed", "'1'"),
    ({"device": "gpu"}, "device", "'gpu'"),
    ({"precision": "fp16"}, "precision", "'fp16'"),
    ({"threads": 0}, "threads", "0"),
    ({"threads": 10**9}, "threads", "1000000000"),
    ({"model": "lenet5"}, "model", "'lenet5'"),
    ({"model": {"name": 5}}, "model.name", "5"),
    ({"model": {"name": "x", "args": 5}}, "model.args", "5"),
    ({"model": {"name": "x", "args": {"width": [1]}}}, "model.args.width", "[1]"),
    ({"model": {"name": "x", "args": {"width": {"a": 1}}}}, "model.args.width", "{'a': 1}"),
    ({"model": {"name": "x", "args": {"width": float("nan")}}}, "model.args.width", "nan"),
    ({"model": {"name": "x", "args": {"width": float("inf")}}}, "model.args.width", "inf"),
    ({"data": {"name": "a\nb"}}, "data.name", "'a\\nb'"),
    ({"data": {"name": "a\0"}}, "data.name", "'a\\x00'"),
    ({"data": {"name": "\udc80"}}, "data.name", "'\\udc80'"),
    ({"data": {"name": ""}}, "data.name", "''"),
    ({"data": {"name": "  "}}, "data.name", "'  '"),
    ({"data": {"root": ""}}, "data.root", "''"),
    ({"data": {"root": 5}}, "data.root", "5"),
    ({"data": {"val_size": 0}}, "data.val_size", "0"),
    ({"data": {"val_size": 10**30}}, "data.val_size", str(10**30)),
    ({"data": {"image_size": 0}}, "data.image_size", "0"),
    ({"data": {"image_size": 1025}}, "data.image_size", "1025"),
    ({"data": {"image_size": 99999999999999999999}}, "data.image_size", "99999999999999999999"),
    ({"data": {"split_seed": 2**63}}, "data.split_seed", str(2**63)),
    ({"data": {"split_seed": -1}}, "data.split_seed", "-1"),
    ({"data": {"train_size": 0}}, "data.train_size", "0"),
    ({"data": {"train_size": 1e3}}, "data.train_size", "1000.0"),
    ({"data": {"crop_size": 0}}, "data.crop_size", "0"),
    ({"data": {"crop_size": 1025}}, "data.crop_size", "1025"),
    ({"data": {"crop_size": 33, "image_size": 32}}, "data", "crop_size=33 and image_size=32"),
    ({"data": {"scale": "raw"}}, "data.scale", "'raw'"),
    ({"data": {"channels": 2}}, "data.channels", "2"),
    ({"data": {"strict": "yes"}}, "data.strict", "'yes'"),
    ({"data": {"augment": True}}, "data.augment", "True"),
    ({"data": {"augment": {"pad_crop": -1}}}, "data.augment.pad_crop", "-1"),
    ({"data": {"augment": {"pad_crop": 100000}}}, "data.augment.pad_crop", "100000"),
    ({"data": {"augment": {"shift": 1e30}}}, "data.augment.shift", "1e+30"),
    ({"data": {"augment": {"noise": 1e38}}}, "data.augment.noise", "1e+38"),
    ({"data": {"augment": {"pad_crop": 1.5}}}, "data.augment.pad_crop", "1.5"),
    ({"data": {"augment": {"mirror": 1}}}, "data.augment.mirror", "1"),
    ({"data": {"augment": {"rotation": 180.5}}}, "data.augment.rotation", "180.5"),
    ({"data": {"augment": {"zoom": -0.1}}}, "data.augment.zoom", "-0.1"),
    ({"data": {"augment": {"shear": 90.0}}}, "data.augment.shear", "90.0"),
    ({"data": {"augment": {"elastic": -1.0}}}, "data.augment.elastic", "-1.0"),
    ({"data": {"augment": {"noise": float("inf")}}}, "data.augment.noise", "inf"),
    ({"data": {"augment": {"erasing": 1.01}}}, "data.augment.erasing", "1.01"),
    ({"data": {"augment": {"fill": "white"}}}, "data.augment.fill", "'white'"),
    ({"data": {"augment": {"pca": -0.1}}}, "data.augment.pca", "-0.1"),
    ({"data": {"augment": {"pca": 101}}}, "data.augment.pca", "101"),
    ({"data": {"augment": {"mixup": -0.1}}}, "data.augment.mixup", "-0.1"),
    ({"data": {"augment": {"cutmix": 1001}}}, "data.augment.cutmix", "1001"),
    ({"train": {"epochs": 1, "class_weights": "equal"}}, "train.class_weights", "'equal'"),
    ({"train": {"epochs": 1, "sampling": True}}, "train.sampling", "True"),
    ({"optim": {"name": "lion"}}, "optim.name", "'lion'"),
    ({"optim": {"lr": 0}}, "optim.lr", "0"),
    ({"optim": {"lr": "0.1"}}, "optim.lr", "'0.1'"),
    ({"optim": {"lr": float("nan")}}, "optim.lr", "nan"),
    ({"optim": {"lr": float("inf")}}, "optim.lr", "inf"),
    ({"optim": {"lr": True}}, "optim.lr", "True"),
    ({"optim": {"beta1": 1.0}}, "optim.beta1", "1.0"),  # torch refuses it
    ({"optim": {"beta2": 1.0}}, "optim.beta2", "1.0"),
    ({"optim": {"lr": 1e300}}, "optim.lr", "1e+300"),  # torch cannot compute with them
    ({"optim": {"weight_decay": 1e300}}, "optim.weight_decay", "1e+300"),
    ({"optim": {"clip_norm": 0.0}}, "optim.clip_norm", "0.0"),
    ({"optim": {"nesterov": True, "momentum": 0.0}}, "optim", "momentum=0.0"),
    ({"optim": {"name": "sgd", "renormalise": True}}, "optim", "name=sgd"),
    ({"data": {"augment": {"alternating": True}}}, "data.augment", "mirror=false"),
    ({"schedule": {"name": "linear"}}, "schedule.name", "'linear'"),
    ({"schedule": {"milestones": 0.5}}, "schedule.milestones", "0.5"),
    ({"schedule": {"milestones": [0.9, 0.1]}}, "schedule.milestones", "[0.9, 0.1]"),
    ({"schedule": {"milestones": [0.5, 0.5]}}, "schedule.milestones", "[0.5, 0.5]"),
    ({"schedule": {"milestones": [0.5, 2]}}, "schedule.milestones.1", "2"),
    ({"schedule": {"name": "one-cycle", "warmup": 0.1}}, "schedule", "warmup=0.1"),
    ({"train": {"epochs": 0}}, "train.epochs", "0"),
    ({"train": {"epochs": 1e300}}, "train.epochs", "1e+300"),
    ({"train": {"steps": 10**12}}, "train.steps", str(10**12)),
    ({"train": {"epochs": 1, "batch_size": 999999999999}}, "train.batch_size", "999999999999"),
    ({"train": {"epochs": True}}, "train.epochs", "True"),
    ({"train": {"epochs": float("inf")}}, "train.epochs", "inf"),
    ({"train": {"steps": 0}}, "train.steps", "0"),
    ({"train": {"steps": 2.0}}, "train.steps", "2.0"),
    ({"train": {"steps": 5, "epochs": 1}}, "train", "epochs=1.0 and steps=5"),
    ({"train": {}}, "train", "epochs=None and steps=None"),
    ({"train": {"epochs": 1, "batch_size": 0}}, "train.batch_size", "0"),
    ({"train": {"epochs": 1, "label_smoothing": 1.0}}, "train.label_smoothing", "1.0"),
    ({"train": {"epochs": 1, "ema_decay": 1.0}}, "train.ema_decay", "1.0"),
    ({"train": {"epochs": 1, "ema_decay": 0.0}}, "train.ema_decay", "0.0"),
    ({"train": {"epochs": 1, "keep": "first"}}, "train.keep", "'first'"),
    ({"train": {"epochs": 1, "patience": 0}}, "train.patience", "0"),
    ({"train": {"epochs": 1, "log_every": 0}}, "train.log_every", "0"),
    ({"train": {"epochs": 1, "val_every": 0}}, "train.val_every", "0"),
    ({"train": {"epochs": 1, "checkpoint_seconds": 0}}, "train.checkpoint_seconds", "0"),
    ({"evaluation": {"tta": "ten_crop"}}, "evaluation.tta", "'ten_crop'"),
    ({"evaluation": {"average": "softmax"}}, "evaluation.average", "'softmax'"),
    ({"evaluation": {"first": 0}}, "evaluation.first", "0"),
    ({"evaluation": {"first": 256.0}}, "evaluation.first", "256.0"),
]


@pytest.mark.parametrize(("changes", "place", "received"), WRONG, ids=[f"{w[1]}={w[2]}" for w in WRONG])
def test_wrong_values_name_source_field_and_value_in_one_line(changes, place, received):
    message = refusal(**changes)
    assert message.startswith(f"here: {place}: ")
    assert message.endswith(f"Received: {received}.")
    assert message.isprintable()  # one line, nothing odd


@pytest.mark.parametrize("taken", ["in_channels", "num_classes", "image_size"])
def test_geometry_comes_from_the_data(taken):
    assert f"args.{taken}" in refusal(model={"name": "x", "args": {taken: 3}})


def test_the_network_is_required():
    with pytest.raises(ConfigError, match=r"^f\.toml: the setting 'model' is required\.$"):
        RunConfig.from_toml("seed = 1", source="f.toml")
    assert "'model.name' is required" in refusal(model={})


def test_long_wrong_values_are_cut():
    assert len(refusal(optim={"lr": "9" * 10_000})) < 200
    assert "Received: a number of thousands of digits." in refusal(data={"image_size": 10**5000})
    assert len(refusal(schedule={"milestones": [0.5] * 1000})) < 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"schedule": {"milestones": 5}},
            "schedule.milestones: must be a list of numbers, such as [0.5, 0.75].",
        ),
        ({"schedule": {"milestones": [0.5, 0.5]}}, "schedule.milestones: must rise from one to the next."),
        ({"data": {"name": ""}}, "data.name: must not be empty; the current folder is called '.'."),
        ({"data": {"name": 5}}, "data.name: must be text."),
        ({"compile": "yes"}, "compile: input should be false, true or 'gpu'. Received: 'yes'."),
        ({"optim": {"lr": 1e300}}, "optim.lr: input should be less than or equal to 1e+38."),
        ({"model": {"name": "x", "args": 5}}, "model.args: is a section, with names and values of its own."),
        ({"optim": 5}, "optim: is a section, with the fields name, lr, "),
        ({"model": {"name": "x", "args": {5: 1}}}, "model.args.5: names must be text."),
        *(
            (
                {"model": {"name": "x", "args": {"dropout": value}}},
                "model.args.dropout: must be true, false, a finite number or text. Received: ",
            )
            for value in (float("nan"), [0.5], {"a": 1})
        ),
    ],
)
def test_messages_speak_of_no_types_of_python(changes, message):
    assert refusal(**changes).startswith(f"here: {message}")


@pytest.mark.parametrize("values", [5, None, ["x"], "lenet5"])
def test_settings_that_are_no_table(values):
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_dict(values, source="x")
    assert str(caught.value) == f"x: settings are a table of sections. Received: {values!r}."


def test_names_that_are_no_text():
    with pytest.raises(ConfigError, match=r"^here: .*1"):
        RunConfig.from_dict({"model": {"name": "x"}, 1: 2}, source="here")  # pyright: ignore[reportArgumentType]


# --- from Python ----------------------------------------------------------------------------------------


def test_a_config_is_made_in_python_as_it_is_from_a_table():
    made = RunConfig(model=ModelConfig(name="lenet5"), seed=3)
    assert made == config(seed=3) == RunConfig(model={"name": "lenet5"}, seed=3)
    assert RunConfig.model_validate(made.model_dump()) == made
    assert pickle.loads(pickle.dumps(made)) == made == copy.deepcopy(made)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "RunConfig: the setting 'model' is required."),
        ({"model": {"name": "x"}, "sede": 1}, "RunConfig: unknown setting 'sede'. Did you mean 'seed'"),
        (
            {"model": {"name": "x"}, "seed": -1},
            "RunConfig: seed: input should be greater than or equal to 0. ",
        ),
    ],
)
def test_a_config_made_wrong_in_python_is_one_line(values, message):
    with pytest.raises(ConfigError) as caught:
        RunConfig(**values)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


def test_numbers_of_numpy_are_numbers():
    made = RunConfig.from_dict(
        {
            "seed": np.int64(3),
            "model": {"name": "x", "args": {"width": np.int32(5), "dropout": np.float32(0.5)}},
            "optim": {"lr": np.float64(0.25), "weight_decay": np.float32(0.5), "clip_norm": np.int8(1)},
            "schedule": {"milestones": (np.float64(0.25), np.float32(0.5))},
            "train": {"steps": np.uint8(7)},
        },
        source="here",
    )
    assert (made.seed, made.train.steps, made.optim.lr, made.optim.weight_decay) == (3, 7, 0.25, 0.5)
    assert [type(value) for value in made.model.args.values()] == [int, float]
    assert RunConfig.from_toml(made.to_toml(), source="back") == made
    assert config().with_changes({"train.steps": np.int64(9)}).train.steps == 9
    assert RunConfig(model={"name": "x"}, seed=np.int64(3)).seed == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("train.steps", np.float64(2.0)), ("train.steps", np.nan), ("seed", np.bool_(True)), ("optim.lr", 1j)],
)
def test_a_number_of_the_wrong_kind_is_refused_from_numpy_too(field, value):
    with pytest.raises(ConfigError, match=rf"^--set: {field}: "):
        config().with_changes({field: value})


def test_a_path_is_a_name():
    assert config(data={"name": Path("a") / "b"}).data.name == "a/b"


@pytest.mark.parametrize("changes", [["x"], "optim.lr=1", {1: 2}, 5, None])
def test_changes_that_are_no_dictionary_of_names(changes):
    with pytest.raises(
        ConfigError, match=r"^x: changes are a dictionary of dotted fields and values, such as"
    ):
        config().with_changes(changes, source="x")


def test_messages_stay_in_one_line_whatever_they_quote():
    for changes in (
        {"model": {"name": "x", "args": {"a\nb": [1]}}},
        {"a\nb": 1},
        {"optim": {"lr": "a\nb"}},
        {"optim": {"a\r\nb": 1}},
        {"model": {"name": "x", "args": {"width": "a\nb"}}},
    ):
        assert len(refusal(**changes).splitlines()) == 1


# --- files ----------------------------------------------------------------------------------------------


def test_from_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(config(seed=7).to_toml())
    assert RunConfig.from_file(path) == RunConfig.from_file(str(path)) == config(seed=7)


@pytest.mark.parametrize("path", [None, 5, ["x"]])
def test_a_file_is_named_by_a_path(path):
    with pytest.raises(ConfigError, match=r"^A recipe's file is named by a path\. Received: "):
        RunConfig.from_file(path)


def test_from_file_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(config(seed=7).to_toml(), encoding="utf-8-sig")
    assert RunConfig.from_file(path) == config(seed=7)


@pytest.mark.parametrize(
    "content",
    [
        b"model = ",
        b"[model\nname = 'x'",
        b"a = 1\na = 2",
        b"\xff\xfe",
        b"a = " + b"[" * 100_000,
        b"seed = " + b"9" * 5000,
        b"a\x00b",
    ],
    ids=["cut", "bracket", "twice", "not utf-8", "deep", "digits", "nul"],
)
def test_files_that_are_not_toml(tmp_path, content):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_file(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(ConfigError, match="cannot be read as a recipe"):
            RunConfig.from_file(path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is a directory"),
        ("none.toml", "no such file or directory"),
        ("latin.toml", "it is not text in UTF-8"),
        ("x" * 300, "file name too long"),
    ],
)
def test_why_a_file_cannot_be_read(tmp_path, name, reason):
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_file(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: cannot be read as a recipe: {reason}."


def test_a_file_whose_name_nothing_can_have():
    with pytest.raises(
        ConfigError, match=r"^'a\\x00b': cannot be read as a recipe: its name has a null byte\.$"
    ):
        RunConfig.from_file("a\0b")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("seed = " + "9" * 5000, "a number has thousands of digits"),
        ("[model]\n[model]", "cannot declare 'model' twice (at line 2, column 7)"),
        ("[model.args]\n[model.args]", "cannot declare 'model.args' twice (at line 2, column 12)"),
        ("a = {}\n[a.b]", "cannot declare 'a.b' twice (at line 2, column 5)"),
        ("a = (1)", "invalid value (at line 1, column 5)"),
    ],
)
def test_why_a_text_is_not_toml(text, reason):
    with pytest.raises(ConfigError) as caught:
        parse_toml(text, source="f")
    assert str(caught.value) == f"f: not valid TOML: {reason}."


def test_toml_is_text():
    with pytest.raises(ConfigError, match=r"^f: TOML is text\. Received: b'a = 1'\.$"):
        RunConfig.from_toml(b"a = 1", source="f")  # pyright: ignore[reportArgumentType]


def test_toml_errors_name_the_line():
    with pytest.raises(ConfigError, match=r"^f: not valid TOML: .*line 2"):
        parse_toml("a = 1\nb =\nc = 3", source="f")


# --- changes --------------------------------------------------------------------------------------------


def test_with_changes_replaces_dotted_fields_and_nothing_else():
    before = RunConfig.from_dict(EVERYTHING, source="x")
    after = before.with_changes(
        {"seed": 1, "optim.lr": 0.5, "data.augment.noise": 0.1, "model.args.dropout": 0.9}
    )
    changed = {"seed": 1, "optim.lr": 0.5, "data.augment.noise": 0.1, "model.args.dropout": 0.9}
    assert flat(after.model_dump()) == {**flat(before.model_dump()), **changed}
    assert before == RunConfig.from_dict(EVERYTHING, source="x")


def test_uneven_counts_are_not_corrected_twice():
    both = {"epochs": 1, "class_weights": "balanced", "sampling": "balanced"}
    assert refusal(train=both) == (
        "here: train: class_weights and sampling must not both be balanced: the counts would be corrected "
        "twice; leave one out. Received: both."
    )


def test_setting_one_length_clears_the_other():
    assert config().with_changes({"train.steps": 5}).train == TrainConfig(steps=5)
    back = config(train={"steps": 5}).with_changes({"train.epochs": 2})
    assert (back.train.epochs, back.train.steps) == (2, None)
    with pytest.raises(ConfigError, match="exactly one"):
        config().with_changes({"train.steps": 5, "train.epochs": 2})


def test_a_whole_section_may_be_replaced():
    before = config(data={"name": "cifar10", "augment": {"mirror": True}})
    after = before.with_changes({"data.augment": {}})
    assert after.data == DataConfig(name="cifar10")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optm.lr": 1}, "there is no section 'optm'. Did you mean 'optim'?"),
        ({"data.augmnt.noise": 1}, "there is no section 'augmnt'. Did you mean 'augment'?"),
        ({"optim.lr.x": 1}, "there is no section 'lr'. A field has no parts."),
        ({"optim.rl": 1}, "unknown setting 'optim.rl'."),
        ({"optim": 3}, "names a section; name one of its fields: name, lr"),
        ({"data.augment": True}, "names a section; name one of its fields: pad_crop"),
        (
            {"model.args": 3},
            "--set model.args: names a section; name one of the network's arguments, as "
            "model.args.ARGUMENT; `cnnlab models show lenet5` lists them.",
        ),
        ({"optim.lr": "fast"}, "optim.lr: input should be a valid number. Received: 'fast'."),
        ({"": 1}, "unknown setting ''."),
        ({".": 1}, "there is no section ''."),
        ({"train.steps": None}, "give exactly one of epochs and steps"),
    ],
)
def test_changes_that_are_refused(changes, message):
    with pytest.raises(ConfigError) as caught:
        config().with_changes(changes, source="--set")
    assert str(caught.value).startswith("--set")
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("optim.lr=0.1", ("optim.lr", 0.1)),
        ("optim.lr = 1e-3", ("optim.lr", 1e-3)),
        ("optim.lr=.5", ("optim.lr", 0.5)),
        ("optim.lr=-5.", ("optim.lr", -5.0)),
        ("train.steps=1_800", ("train.steps", 1800)),
        ("data.strict=true", ("data.strict", True)),
        ("data.strict=True", ("data.strict", True)),
        ("data.strict=False", ("data.strict", False)),
        ("schedule.milestones=[0.3, 0.6]", ("schedule.milestones", [0.3, 0.6])),
        ("optim.name=sgd", ("optim.name", "sgd")),
        ("optim.name='sgd'", ("optim.name", "sgd")),
        ("data.name=/a/b c=d", ("data.name", "/a/b c=d")),
        ("data.name=", ("data.name", "")),
        ("data.name=synthetic:1x8x8x100", ("data.name", "synthetic:1x8x8x100")),
        ("seed=1\nthreads=2", ("seed", "1\nthreads=2")),  # not two settings
        ("data.name='" + "[" * 5, ("data.name", "'" + "[" * 5)),
        ("seed=" + "9" * 5000, ("seed", "9" * 5000)),
    ],
)
def test_parse_setting(text, setting):
    assert parse_setting(text) == setting
    assert type(parse_setting(text)[1]) is type(setting[1])


@pytest.mark.parametrize("text", ["optim.lr", "", "=3", "  = 3"])
def test_parse_setting_needs_a_name_and_a_value(text):
    with pytest.raises(ConfigError, match="FIELD=VALUE"):
        parse_setting(text)
