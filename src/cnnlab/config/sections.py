"""The sections of a config: what may be set, what each setting means, and which values it takes."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _check_text(text: str) -> str:
    """Refuse what no UTF-8 file and no message of one line can hold."""
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
        raise ValueError(f"control characters and broken Unicode are not allowed. Received: {text!a:.80}")
    return text


def _check_not_blank(text: str) -> str:
    """Refuse the empty name, which every file system takes for the current folder."""
    if not text.strip():
        raise ValueError(f"must not be empty; the current folder is called '.'. Received: {text!r}")
    return text


MAX_IMAGE_SIZE = 1024
LEAST_ALPHA = 1e-6  # below, numbers from its distribution cannot be told from 0 and 1
"""Height and width in pixels; the networks here were made for 28 and 32, and memory grows with the square."""

MAX_FLOAT32 = 1e38
"""Torch refuses to compute with factors that float32 does not hold."""

MAX_COUNT = 10**9
"""More steps than anybody waits for."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Text = Annotated[str, AfterValidator(_check_text)]
Name = Annotated[Text, AfterValidator(_check_not_blank)]
Scalar = bool | int | float | Text


class Section(BaseModel):
    """Settings that refuse what they do not know, take no type for another, and never change once made."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ModelConfig(Section):
    """Which network, and its constructor's arguments."""

    name: Text
    """A name that `cnnlab models` lists."""
    args: dict[Text, Scalar] = {}
    """Constructor arguments that differ from the network's defaults, such as `dropout = 0.5`."""

    @model_validator(mode="after")
    def _geometry_is_the_data(self) -> Self:
        if taken := self.args.keys() & {"in_channels", "num_classes", "image_size"}:
            rule = "channels, classes and size come from the data; set data.channels or data.image_size"
            raise ValueError(f"{rule}. Received: args.{min(taken)}")
        return self


class AugmentConfig(Section):
    """Random changes to the training images; all off by default."""

    pad_crop: int = Field(default=0, ge=0, le=MAX_IMAGE_SIZE)
    """Pad by this many pixels on each side, then crop back to size, or to `crop_size`, at a random place; at
    most the size that the network sees."""
    mirror: bool = False
    """Mirror left and right with probability 1/2."""
    alternating: bool = False
    """With `mirror`: a random half of the images in one epoch, the other half in the next, and so on."""
    shift: float = Field(default=0.0, ge=0.0, le=MAX_IMAGE_SIZE)
    """Move by up to this many pixels, fractions included, along each axis; at most the size that the network
    sees."""
    rotation: float = Field(default=0.0, ge=0.0, le=180.0)
    """Rotate by up to this many degrees to either side."""
    zoom: float = Field(default=0.0, ge=0.0, le=10.0)
    """Enlarge or shrink by up to this share: 0.1 is between 1 / 1.1 and 1.1 of the size."""
    shear: float = Field(default=0.0, ge=0.0, le=60.0)
    """Slant by up to this many degrees to either side."""
    elastic: float = Field(default=0.0, ge=0.0, le=MAX_IMAGE_SIZE)
    """Bend along random waves, which move each place by this many pixels (standard deviation along each axis;
    Simard et al., 2003)."""
    pca: float = Field(default=0.0, ge=0.0, le=100.0)
    """Colour noise along the principal components of the training images' pixels in [0, 1]: each moves by its
    eigenvalue times a number from N(0, this), one per image; 0.1 in the AlexNet paper, which leaves the unit
    of pixels open, see `data/colour.py`; colour images only."""
    noise: Fraction = 0.0
    """Standard deviation of Gaussian noise added to pixels in [0, 1]."""
    erasing: Fraction = 0.0
    """Probability that one random rectangle of the image is replaced by the mean colour."""
    mixup: float = Field(default=0.0, ge=0.0, le=1000.0)
    """Blend pairs of images and labels, with shares from Beta(alpha, alpha) of this alpha; 0 is off."""
    cutmix: float = Field(default=0.0, ge=0.0, le=1000.0)
    """Put a box of one image into another, its area by Beta(alpha, alpha) of this alpha; with `mixup` on too,
    each batch takes one of the two with probability 1/2."""
    fill: Literal["black", "mean", "reflect"] = "black"
    """Colour of what a crop, a shift or a rotation brings in from outside the image; `reflect`: its own
    pixels, mirrored at its edge."""

    @model_validator(mode="after")
    def _mixing_can_be_drawn(self) -> Self:
        for field in ("mixup", "cutmix"):
            if 0 < (alpha := getattr(self, field)) < LEAST_ALPHA:
                raise ValueError(f"{field} must be 0 or at least {LEAST_ALPHA:g}. Received: {alpha:g}")
        return self

    @model_validator(mode="after")
    def _turns_need_a_mirror(self) -> Self:
        if self.alternating and not self.mirror:
            raise ValueError("alternating says how to mirror: set mirror too. Received: mirror=false")
        return self


class DataConfig(Section):
    """Which images, and how they are split and brought to the network."""

    name: Name = "mnist"
    """A data set that `cnnlab data` lists, a folder of class folders, or `synthetic:CxHxWxN`."""
    root: Name | None = None
    """Where data sets lie; looked at before CNNLAB_DATA_ROOT and the cache."""
    val_size: Count | None = None
    """Images cut from train for validation; the data set's own number if not given."""
    split_seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the cut between train and validation, and of `train_size`; the same for all runs that are
    compared."""
    train_size: Count | None = None
    """Learn from this many of the training images, drawn by `split_seed`, classes in proportion but each with
    one at least; from all if not given. Validation and test stay as they are."""
    image_size: int | None = Field(default=None, ge=1, le=MAX_IMAGE_SIZE)
    """Bring images to this height and width; the data set's own size if not given."""
    crop_size: int | None = Field(default=None, ge=1, le=MAX_IMAGE_SIZE)
    """Let the network see windows of this height and width: at random places in training, the middle one
    elsewhere; whole images if not given."""
    channels: Literal[1, 3] | None = None
    """Bring images to grey (1) or colour (3); as they are if not given."""
    scale: Literal["standard", "unit", "centred"] = "standard"
    """How pixels become numbers: `standard`, of mean 0 and deviation 1 per channel over the training images;
    `unit`, 0 to 1; `centred`, 0 to 255 less the channel's mean, as in the AlexNet paper."""
    strict: bool = False
    """Refuse a folder that holds an unreadable image, instead of naming and skipping it."""
    augment: AugmentConfig = AugmentConfig()

    @model_validator(mode="after")
    def _window_is_in_the_image(self) -> Self:
        if self.crop_size and self.image_size and self.crop_size > self.image_size:
            got = f"crop_size={self.crop_size} and image_size={self.image_size}"
            raise ValueError(f"crop_size must be at most image_size. Received: {got}")
        return self


class TrainConfig(Section):
    """How long to train, and what is kept."""

    epochs: float | None = Field(default=None, gt=0.0, le=1e6)
    """Passes over the training images; give this or `steps`."""
    steps: Count | None = None
    """Optimizer updates; give this or `epochs`."""
    batch_size: int = Field(default=128, ge=1, le=1_000_000)
    """Images in one step."""
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the label's probability spread over all classes."""
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced` weighs each image's loss by num_images / (num_classes * images of its class)."""
    sampling: Literal["shuffled", "balanced"] = "shuffled"
    """`balanced` shows every class equally often, in epochs of the same length as before."""
    candidates: int = Field(default=1, ge=1, le=64)
    """Batches that a step looks at, forward alone; it learns from the `batch_size` images of the largest loss
    among them. Training figures are then of these images."""
    candidates_from: Fraction = 0.3
    """Fraction of the steps before which every image is learned from, whatever `candidates` says."""
    ema_decay: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Evaluate a moving average of the weights with this decay."""
    keep: Literal["last", "best"] = "last"
    """Which weights the run ends with: the last, or those of the best validation accuracy."""
    patience: Count | None = None
    """Stop after this many validations without a better accuracy."""
    log_every: Count = 50
    """Steps between two lines of metrics."""
    val_every: Count | None = None
    """Steps between two validations; as many as there are batches in an epoch if not given."""
    checkpoint_seconds: float = Field(default=60.0, gt=0.0)
    """A checkpoint is written at each validation, and whenever this much time has passed."""

    @model_validator(mode="after")
    def _one_length_and_one_balance(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            got = f"epochs={self.epochs} and steps={self.steps}"
            raise ValueError(f"give exactly one of epochs and steps. Received: {got}")
        if self.class_weights == self.sampling == "balanced":
            rule = "class_weights and sampling must not both be balanced: the counts would be corrected twice"
            raise ValueError(f"{rule}; leave one out. Received: both")
        return self


class EvaluationConfig(Section):
    """How test images are scored at the end: settled here, before any is seen."""

    tta: Literal["none", "centre", "mirror", "shift", "mirror-shift", "ten-crop"] = "none"
    """Views of each image: `none` or `centre` one, the middle if training saw crops; `mirror` that and its
    mirror; `shift` that and itself moved by a pixel up, down, left and right; `mirror-shift` these five with
    their mirrors; `ten-crop` corners and middle with their mirrors."""
    average: Literal["logits", "probs"] = "probs"
    """What of several views is averaged: the network's outputs, or their softmax as in the AlexNet paper."""
    first: Count | None = None
    """Also score this many test images from the start, as the tutorials did; at most all of them."""
