"""docs/origins.md tells the truth: tables are the generated ones, the example prints what it shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

from cnnlab.models import create_model
from cnnlab.recipes import load_recipe
from cnnlab.studies.origins.rows import ORIGINS
from test_readme import readme_script

PAGE = Path(__file__).parents[1] / "docs" / "origins.md"
TEXT = PAGE.read_text()


@pytest.mark.parametrize("name", ["origins", "pretraining"])
def test_tables_are_the_generated_ones(name):
    page = PAGE.with_name(f"{name}.md")
    text = page.read_text()
    assert readme_script().with_generated_parts(text, page) == text, "run `make figures-table`"


def test_a_study_takes_its_place_under_the_page_s_headings(tmp_path, monkeypatch):
    script = readme_script()
    monkeypatch.setattr(script, "STUDIES", tmp_path)
    assert "has not been run yet" in script.study("some")
    (tmp_path / "some.md").write_text("# Title\n\nA claim.\n\n## A table\n\n| a |\n\n![b](c-d.png)\n")
    assert script.study("some") == "A claim.\n\n### A table\n\n| a |\n\n![b](studies/c-d.png)\n"


def test_the_example_prints_what_it_shows(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    number = re.compile(r"\d[\d.e+]*")
    assert number.sub("N", done.stdout) == number.sub("N", shown)
    printed, expected = ([float(n) for n in number.findall(text)] for text in (done.stdout, shown))
    assert printed == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("recipe", "lr", "steps"),
    [
        ("alexnet_mnist3-faithful", "0.0045", "1,800"),
        ("alexnet_mnist3-gyf-faithful", "0.001", "3,125"),
        ("alexnet_mnist5-faithful", "0.001", "11,000"),
        ("convnet_mnist-faithful", "0.001", "600"),
    ],
)
def test_steps_and_rates_are_those_of_the_recipes(recipe, lr, steps):
    config = load_recipe(recipe)
    num_steps = config.train.steps or round((config.train.epochs or 0) * (55_000 // config.train.batch_size))
    assert (config.optim.lr, num_steps) == (float(lr), int(steps.replace(",", "")))
    (product,) = re.findall(rf"\| {lr} \| {steps} \| ([\d.]+) \|", TEXT)
    assert float(product) == pytest.approx(config.optim.lr * num_steps, rel=0.01)


@pytest.mark.parametrize("origin", {one.recipe: one for one in ORIGINS}.values(), ids=lambda one: one.recipe)
def test_what_ours_change_is_what_the_recipes_say(origin):
    config, augment = load_recipe(origin.recipe), load_recipe(origin.recipe).data.augment
    (row,) = re.findall(
        rf"^\| {origin.name.partition(',')[0]} \| ([\d.]+) \| ([\d.]+) \| (none|.+ degrees) \| (.*) \|$",
        TEXT,
        re.M,
    )
    network = create_model(config.model.name, in_channels=1, image_size=28, **config.model.args)
    dropped = {layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)}
    moved = f"{augment.shift:g} pixels, {augment.rotation:g} degrees".replace("1 pixels", "1 pixel")
    expected = (
        f"{config.optim.lr:g}",
        f"{config.train.label_smoothing:g}",
        moved if augment.shift else "none",
        " ".join(f"{p:g}" for p in dropped) or "none",
    )
    assert row == expected
    assert (config.optim.name, config.optim.nesterov, config.optim.momentum) == ("sgd", True, 0.9)
    assert (config.schedule.name, config.optim.weight_decay, config.data.scale) == (
        "one-cycle",
        5e-4,
        "standard",
    )
