"""The original systems: what each published, and the runs that stand for it here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NUM_TEST_IMAGES = 10_000


@dataclass(frozen=True)
class Origin:
    """One figure of an original system, and how it is run again.

    Attributes:
        name: what the study calls it.
        what: network and training in a few words.
        recipe: trained well; `RECIPE-faithful` is as they trained it.
        length: the setting that makes it as long as theirs, where the recipes are longer.
        quick_steps: updates of a quick look.
        published: lowest and highest test accuracy, as fractions; None where no figure is known.
        num_images: how many of the first test images they tested on.
    """

    name: str
    what: str
    recipe: str
    quick_steps: int
    length: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[float, float] | None = None
    num_images: int = NUM_TEST_IMAGES

    @property
    def faithful(self) -> str:
        """The key of the runs that are trained as theirs were."""
        return f"{self.name} faithful"

    @property
    def ours(self) -> str:
        """The key of the runs that are trained well."""
        return f"{self.name} ours"


def _one(top1: float) -> tuple[float, float]:
    return top1, top1


# A quick look at a longer run goes on from that at the shorter one, as the full runs do.
ORIGINS = (
    Origin(
        name="A3-wzs",
        what="AlexNet, 3 convolutions; Adam 0.0045, 1,800 steps of 128",
        recipe="alexnet_mnist3",
        quick_steps=16,
        published=(0.953, 0.973),
        num_images=1_000,
    ),
    Origin(
        name="A3-gyf",
        what="AlexNet, 3 convolutions; Adam 0.001, 3,125 steps of 64",
        recipe="alexnet_mnist3-gyf",
        quick_steps=24,
        num_images=256,
    ),
    Origin(
        name="A3-lab, 5 epochs",
        what="AlexNet, 3 convolutions; Adadelta 0.02, steps of 100",
        recipe="alexnet_mnist3-lab",
        quick_steps=8,
        length={"train.epochs": 5.0},
        published=_one(56 / 256),
        num_images=256,
    ),
    Origin(
        name="A3-lab, 10 epochs",
        what="AlexNet, 3 convolutions; Adadelta 0.02, steps of 100",
        recipe="alexnet_mnist3-lab",
        quick_steps=16,
        length={"train.epochs": 10.0},
        published=_one(149 / 256),
        num_images=256,
    ),
    Origin(
        name="A5",
        what="AlexNet, 5 convolutions; Adam 0.001, 10 epochs of 50, as its comment says; its code takes one "
        "image a step, 550,000 steps, which was not run",
        recipe="alexnet_mnist5",
        quick_steps=24,
    ),
    Origin(
        name="R-lab, 1 epoch",
        what="ResNet-20; momentum 0.9, steps of 128",
        recipe="resnet20-mnist",
        quick_steps=6,
        length={"train.epochs": 1.0},
        published=_one(0.8677),
    ),
    Origin(
        name="R-lab, 3 epochs",
        what="ResNet-20; momentum 0.9, steps of 128",
        recipe="resnet20-mnist",
        quick_steps=12,
        length={"train.epochs": 3.0},
        published=_one(0.9347),
    ),
    Origin(
        name="R-lab, 6 epochs",
        what="ResNet-20; momentum 0.9, steps of 128",
        recipe="resnet20-mnist",
        quick_steps=18,
        length={"train.epochs": 6.0},
        published=_one(0.9541),
    ),
    Origin(
        name="C2",
        what="2 convolutions; Adam 0.001, 600 steps of 128",
        recipe="convnet_mnist",
        quick_steps=40,
        num_images=256,
    ),
)


PHOTOGRAPHS = (
    (
        "A-2012",
        "alexnet",
        "top-5 error 16.4% (ILSVRC-2012, mean of five networks); 57.1% top-1, 80.2% top-5 (Caffe's network)",
    ),
    (
        "A-2014",
        "alexnet_owt",
        "top-1 error 42.55%, top-5 19.81% (one window); 40.42%, 18.15% (ten) by its author's form, which has "
        "local response normalisation (wiki of cuda-convnet2, TrainingExample)",
    ),
    ("G", "googlenet", "top-5 error 6.67% (ILSVRC-2014, 7 networks x 144 crops)"),
)
"""Systems whose figures need ImageNet, which is not run here: name, our network, what is published."""
