"""The recipes for ImageNet take steps, score ten windows and leave a run, on a folder of a few pictures."""

import numpy as np
import pytest
from PIL import Image

from cnnlab import lab
from cnnlab.recipes import list_recipes
from cnnlab.runs import RunFolder

RECIPES = [name for name in list_recipes() if "imagenet" in name]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes of noise around two colours, 12 pictures of train and 4 of test in each."""
    root, drawn = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for label, colour in (("dark", 60), ("light", 200)):
            folder = root / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(drawn.normal(colour, 20, (260, 300, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.jpg")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_few_steps_from_pictures_to_scores(recipe, pictures, tmp_path):
    changes = {"data.val_size": 4, "train.batch_size": 4, "data.augment.pca": 0.1}
    folder = RunFolder.open(
        lab.train(recipe, data=pictures, steps=2, out=tmp_path, threads=1, changes=changes)
    )
    assert folder.config.evaluation.tta == "ten-crop"
    scores = folder.evaluation
    assert scores is not None and scores["num_images"] == 8
    assert np.isfinite(scores["loss"])
    losses = [line["loss"] for line in folder.read_metrics()]
    assert losses and all(np.isfinite(losses))
