import pytest

from cnnlab.training.plan import Plan, make_plan, plan_notes
from tiny_training import plain_config


@pytest.mark.parametrize(
    ("changes", "num_images", "plan"),
    [
        # 1,000 images in batches of 128: 7 whole batches, 104 images left out of each epoch
        ({"train__epochs": 3, "train__batch_size": 128}, 1000, Plan(128, 7, 21, 7, 5)),
        ({"train__epochs": 0.5, "train__batch_size": 128}, 1000, Plan(128, 7, 4, 7, 5)),
        ({"train__epochs": 0.001, "train__batch_size": 128}, 1000, Plan(128, 7, 1, 7, 5)),
        ({"train__steps": 5, "train__batch_size": 128}, 1000, Plan(128, 7, 5, 7, 5)),
        ({"train__steps": 5, "train__batch_size": 1000}, 1000, Plan(1000, 1, 5, 1, 5)),
        ({"train__steps": 5, "train__batch_size": 5000}, 1000, Plan(1000, 1, 5, 1, 5)),
        ({"train__steps": 5, "train__batch_size": 1}, 1, Plan(1, 1, 5, 1, 5)),
        ({"train__steps": 5, "train__val_every": 3}, 1000, Plan(16, 62, 5, 3, 5)),
    ],
)
def test_lengths(changes, num_images, plan):
    assert make_plan(plain_config(train__val_every=None).with_changes(dotted(changes)), num_images) == plan


def dotted(changes):
    return {name.replace("__", "."): value for name, value in changes.items()}


def test_when_it_looks_up():
    plan = Plan(batch_size=10, steps_per_epoch=4, num_steps=11, val_every=3, log_every=5)
    assert [step for step in range(1, 12) if plan.is_val_step(step)] == [3, 6, 9, 11]
    assert [step for step in range(1, 12) if plan.is_log_step(step)] == [5, 10, 11]
    assert [plan.epoch_of(step) for step in range(11)] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2]


def test_from_some_step_on_it_looks_at_several_batches():
    plan = Plan(10, 4, num_steps=6, val_every=3, log_every=5, candidates=3, candidates_from=2)
    assert [list(plan.batches_of(step)) for step in range(4)] == [[0], [1], [2, 3, 4], [5, 6, 7]]
    assert [plan.epochs_at(done) for done in range(5)] == [0, 0.25, 0.5, 1.25, 2]


@pytest.mark.parametrize(("epochs", "steps"), [(1, 8), (5, 40)])
def test_epochs_count_what_is_looked_at(epochs, steps):
    # a quarter of the steps looks at 1 batch, the others at 5: 4 on average, of 32 in an epoch
    changes = {"train.epochs": epochs, "train.candidates": 5, "train.candidates_from": 0.25}
    plan = make_plan(plain_config().with_changes({**changes, "train.batch_size": 10}), 320)
    assert plan.num_steps == steps and plan.candidates_from == steps // 4
    assert plan.epochs_at(steps) == epochs


@pytest.mark.parametrize(
    ("changes", "notes"),
    [
        ({"train__steps": 5, "train__batch_size": 1257}, []),
        (
            {"train__steps": 5, "train__batch_size": 2000},
            [
                "train.batch_size: 2,000 is more than the 1,257 training images; every step takes 1,257.",
            ],
        ),
        (
            {"train__epochs": 1 / 78, "train__candidates": 4},
            ["train.epochs: 0.0128205 epochs are less than one step; one step is done."],
        ),
        ({"train__epochs": 1 / 78}, []),  # 1,257 images in batches of 16 are 78 steps
        (
            {"train__epochs": 1e-9},
            ["train.epochs: 1e-09 epochs are less than one step; one step is done."],
        ),
    ],
)
def test_what_is_not_as_asked_is_said(changes, notes):
    config = plain_config().with_changes(dotted(changes))
    assert plan_notes(config, make_plan(config, 1257), 1257) == notes
