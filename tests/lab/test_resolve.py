import re
from pathlib import Path

import numpy as np
import pytest

from cnnlab.config import AugmentConfig, EvaluationConfig
from cnnlab.errors import ConfigError
from cnnlab.lab import resolve
from cnnlab.recipes import list_recipes, load_recipe, recipe_text


def test_a_recipe_by_its_name():
    assert resolve("lenet5") == load_recipe("lenet5")


def test_a_network_on_data_that_has_a_recipe():
    assert resolve("resnet20", data="digits") == load_recipe("resnet20-digits")


def test_other_data_drops_the_augmentation_and_says_so():
    said = []
    config = resolve("lenet5", data="fashion-mnist", say=said.append)
    assert config.data.name == "fashion-mnist"
    assert config.data.augment == AugmentConfig()
    assert load_recipe("lenet5").data.augment != AugmentConfig()
    assert len(said) == 1 and "augmentation" in said[0]
    assert config.optim == load_recipe("lenet5").optim


def test_other_data_drops_the_way_of_evaluation_and_says_so():
    recipe = load_recipe("lenet5").with_changes({"evaluation.first": 256, "evaluation.tta": "mirror"})
    said = []
    config = resolve(recipe, data="fashion-mnist", say=said.append)
    assert config.evaluation == EvaluationConfig()
    assert said == ["lenet5: made for mnist; its augmentation and evaluation are left out on fashion-mnist."]
    bare = recipe.with_changes({"data.augment": {}})
    resolve(bare, data="fashion-mnist", say=said.append)
    assert said[1] == "lenet5: made for mnist; its evaluation is left out on fashion-mnist."
    asked = resolve(recipe, data="fashion-mnist", changes={"evaluation.first": 100})
    assert asked.evaluation == EvaluationConfig(first=100)


def test_a_recipe_for_a_folder_serves_for_another_folder_whole(tmp_path, monkeypatch):
    said = []
    recipe = load_recipe("alexnet-imagenet")
    config = resolve("alexnet-imagenet", data=tmp_path, say=said.append)
    assert config == recipe.with_changes({"data.name": str(tmp_path)})
    assert config.data.augment.pca == 0.1 and config.evaluation.tta == "ten-crop" and not said
    config = resolve("alexnet-imagenet", data="cifar10", say=said.append)
    assert config.data.augment == AugmentConfig() and config.evaluation == EvaluationConfig() and said
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imagenet").mkdir()
    config = resolve("alexnet", data="imagenet")
    assert config == recipe.with_changes({"data.name": str(tmp_path / "imagenet")})


def test_a_network_alone_is_its_recipe_on_the_data_it_is_tried_on_first():
    assert resolve("alexnet") == resolve("alexnet", data="cifar10") == load_recipe("alexnet-cifar10")
    assert resolve("resnet20") == load_recipe("resnet20")


@pytest.mark.parametrize(("name", "data"), [("resnet32", "cifar10"), ("preact_resnet20", "cifar10")])
def test_a_network_without_a_recipe_takes_the_data_it_was_made_for(name, data):
    assert resolve(name).data.name == data


def test_options_and_settings():
    config = resolve("lenet5", epochs=2, lr=0.5, seed=7, changes={"optim.momentum": 0.5})
    assert (config.train.epochs, config.optim.lr, config.seed, config.optim.momentum) == (2, 0.5, 7, 0.5)


def test_steps_replace_epochs():
    config = resolve("lenet5", steps=9)
    assert (config.train.steps, config.train.epochs) == (9, None)


def test_a_folder_comes_in_the_size_of_the_network_and_is_named_in_full(tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("./pictures", "pictures", str(tmp_path / "pictures")):
        data = resolve("resnet20", data=name).data
        assert (data.name, data.image_size) == (str(tmp_path / "pictures"), 32)
    assert resolve("resnet20", data="pictures", changes={"data.image_size": 48}).data.image_size == 48


def test_windows_of_a_folder_need_the_size_of_its_images(tmp_path):
    changes = {"data.crop_size": 28}
    with pytest.raises(
        ConfigError, match=r"^data\.crop_size: .* set data\.image_size .* such as 32\. Received"
    ):
        resolve("resnet20", data=str(tmp_path), changes=changes)
    data = resolve("resnet20", data=str(tmp_path), changes={**changes, "data.image_size": 32}).data
    assert (data.image_size, data.crop_size) == (32, 28)
    assert resolve("resnet20", data="cifar10", changes=changes).data.image_size is None


def test_a_complete_config_takes_options_too():
    config = load_recipe("lenet5")
    assert resolve(config) == config
    assert resolve(config, seed=3, changes={"optim.lr": 0.5}) == config.with_changes(
        {"seed": 3, "optim.lr": 0.5}
    )
    with pytest.raises(ConfigError, match="nonsense"):
        resolve(config, nonsense=3)


def test_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(recipe_text("lenet5"))
    config = resolve(str(path))
    assert config.recipe == "mine"
    assert config.with_changes({"recipe": "lenet5"}) == load_recipe("lenet5")


def test_a_path_is_a_file_whatever_it_is_called(tmp_path, monkeypatch):
    (tmp_path / "lenet5").write_text(recipe_text("resnet20"))
    monkeypatch.chdir(tmp_path)
    assert resolve(Path("lenet5")).model.name == "resnet20"
    assert resolve("lenet5").model.name == "lenet5"
    (tmp_path / "x.toml").write_text(recipe_text("lenet5"))
    assert resolve(Path("x.toml")) == resolve("x.toml")
    with pytest.raises(ConfigError, match="cannot be read as a recipe: is a directory"):
        resolve(tmp_path)


def test_a_path_is_a_folder_of_images(tmp_path):
    (tmp_path / "pictures").mkdir()
    assert resolve("resnet20", data=tmp_path / "pictures") == resolve(
        "resnet20", data=str(tmp_path / "pictures")
    )
    assert resolve("lenet5", root=tmp_path).data.root == str(tmp_path)


@pytest.mark.parametrize("name", [None, 5, ["lenet5"], {"model": "lenet5"}])
def test_what_is_no_name_is_one_line(name):
    with pytest.raises(
        ConfigError, match=r"^What to train is named by a recipe, a network, a TOML file or a Run"
    ):
        resolve(name)


@pytest.mark.parametrize("changes", [["x"], {1: 2}, "optim.lr=1"])
def test_changes_that_are_none(changes):
    with pytest.raises(ConfigError, match=r"^--set: changes are a dictionary of dotted fields"):
        resolve("lenet5", changes=changes)


@pytest.mark.parametrize("data", ["", " "])
@pytest.mark.parametrize("name", ["lenet5", "resnet32"])
def test_no_name_is_not_the_current_folder(tmp_path, monkeypatch, name, data):
    (tmp_path / "cat").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigError, match=r"data\.name: must not be empty; the current folder is called '\.'"
    ):
        resolve(name, data=data, say=pytest.fail)
    with pytest.raises(ConfigError, match=r"data\.name: must not be empty"):
        resolve(name, changes={"data.name": data})


@pytest.mark.parametrize("data", ["~nobody-of-this-name/pictures", "x" * 5000])
def test_names_that_are_no_folder_anywhere_are_left_to_whoever_reads(data):
    assert resolve("lenet5", data=data).data.name == data


def test_numbers_of_numpy_are_numbers():
    config = resolve(
        "lenet5", steps=np.int64(1), lr=np.float32(0.5), changes={"train.batch_size": np.int8(3)}
    )
    assert (config.train.steps, config.optim.lr, config.train.batch_size) == (1, 0.5, 3)


def test_unknown_names():
    with pytest.raises(ConfigError, match="Did you mean 'lenet5'"):
        resolve("lenet")
    with pytest.raises(ConfigError, match="Did you mean 'epochs'"):
        resolve("lenet5", epoch=3)


@pytest.mark.parametrize("name", list_recipes())
def test_recipe_headers_say_what_is_needed(name):
    header = [line for line in recipe_text(name).splitlines() if line.startswith("#")]
    text = "\n".join(header)
    assert all(f"# {part}" in text for part in ("Source:", "Run:", "Expect:"))
    expected = text.split("# Expect:")[1].split("\n#\n")[0]
    assert re.search(r"\d %|no figure", expected), "says no accuracy"
    assert re.search(r"\d (s|min|hours|days)\b", expected), "says no cost"
    command = next(line for line in header if line.startswith("# Run:")).split()
    data = command[command.index("--data") + 1] if "--data" in command else None
    assert resolve(command[4], data=data) == load_recipe(name)
