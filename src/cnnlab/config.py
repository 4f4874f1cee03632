"""What a run is made of: `RunConfig` and its parts, read from TOML, validated, and written back to TOML.

Every field carries the sentence that explains it. Unknown keys are refused, with the nearest known one.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cnnlab.errors import ConfigError, did_you_mean

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Scalar = bool | int | float | str


class _Section(BaseModel):
    """Settings that refuse what they do not know, and never change once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModelConfig(_Section):
    """Which network, and its constructor's arguments."""

    name: str
    """A name that `cnnlab models` lists."""
    args: dict[str, Scalar] = {}
    """Constructor arguments that differ from the network's defaults, such as `dropout = 0.5`."""

    @model_validator(mode="after")
    def _geometry_is_the_data(self) -> Self:
        if taken := self.args.keys() & {"in_channels", "num_classes", "image_size"}:
            rule = "channels, classes and size come from the data; set data.channels or data.image_size"
            raise ValueError(f"{rule}. Received: args.{min(taken)}")
        return self


class AugmentConfig(_Section):
    """Random changes to the training images; all off by default."""

    pad_crop: int = Field(default=0, ge=0)
    """Pad by this many pixels on each side, then crop back to size at a random place."""
    mirror: bool = False
    """Mirror left and right with probability 1/2."""
    shift: float = Field(default=0.0, ge=0.0)
    """Move by up to this many pixels, fractions included, along each axis."""
    rotation: float = Field(default=0.0, ge=0.0, le=180.0)
    """Rotate by up to this many degrees to either side."""
    noise: float = Field(default=0.0, ge=0.0)
    """Standard deviation of Gaussian noise added to pixels in [0, 1]."""
    erasing: Fraction = 0.0
    """Probability that one random rectangle of the image is replaced by the mean colour."""
    fill: Literal["black", "mean"] = "black"
    """Colour of what a crop, a shift or a rotation brings in from outside the image."""


class DataConfig(_Section):
    """Which images, and how they are split and brought to the network."""

    name: str = "mnist"
    """A data set that `cnnlab data` lists, a folder of class folders, or `synthetic:CxHxWxN`."""
    root: str | None = None
    """Where data sets lie; else CNNLAB_DATA_ROOT, else the cache."""
    val_size: int | None = Field(default=None, ge=1)
    """Images cut from train for validation; the data set's own number if not given."""
    split_seed: int = Field(default=0, ge=0)
    """Seed of the cut between train and validation; the same for all runs that are compared."""
    image_size: int | None = Field(default=None, ge=1)
    """Bring images to this height and width; the data set's own size if not given."""
    channels: Literal[1, 3] | None = None
    """Bring images to grey (1) or colour (3); as they are if not given."""
    strict: bool = False
    """Refuse a folder that holds an unreadable image, instead of naming and skipping it."""
    augment: AugmentConfig = AugmentConfig()


class OptimConfig(_Section):
    """The optimizer."""

    name: Literal["sgd", "adam", "adamw", "adadelta", "rmsprop"] = "adamw"
    """Which update rule."""
    lr: float = Field(default=1e-3, gt=0.0)
    """Peak learning rate."""
    momentum: Fraction = 0.9
    """Momentum of sgd and rmsprop."""
    nesterov: bool = False
    """Nesterov's form of the momentum of sgd."""
    beta1: Fraction = 0.9
    """Decay of the first moment of adam and adamw."""
    beta2: Fraction = 0.999
    """Decay of the second moment of adam and adamw."""
    rho: Fraction = 0.9
    """Decay of the squared averages of adadelta and rmsprop."""
    eps: float = Field(default=1e-8, gt=0.0)
    """Added to denominators by all but sgd."""
    weight_decay: float = Field(default=0.0, ge=0.0)
    """L2 penalty (decoupled in adamw)."""
    decay_all: bool = False
    """Decay biases and normalisation scales too, as the 2012 recipes did."""
    clip_norm: float | None = Field(default=None, gt=0.0)
    """Scale gradients down to this global norm."""


class ScheduleConfig(_Section):
    """The learning rate as a function of the step."""

    name: Literal["constant", "step", "cosine", "one-cycle"] = "cosine"
    """The curve; `one-cycle` rises along a cosine until `peak_at`, then falls along another."""
    warmup: Fraction = 0.0
    """Fraction of the run in which the rate first rises linearly to the curve; not for `one-cycle`."""
    start: Fraction = 0.04
    """First rate of the warm-up and of `one-cycle`, as a fraction of the peak."""
    peak_at: Fraction = 0.3
    """Fraction of the run at which `one-cycle` reaches the peak."""
    final: Fraction = 0.0
    """Last rate of `cosine` and `one-cycle`, as a fraction of the peak."""
    milestones: tuple[Fraction, ...] = (0.5, 0.75)
    """Fractions of the run at which `step` multiplies the rate by `gamma`."""
    gamma: Fraction = 0.1
    """Factor of `step`."""

    @model_validator(mode="after")
    def _one_rise(self) -> Self:
        if self.name == "one-cycle" and self.warmup:
            raise ValueError(
                f"one-cycle rises by itself: set peak_at, not warmup. Received: warmup={self.warmup}"
            )
        return self


class TrainConfig(_Section):
    """How long to train, and what is kept."""

    epochs: float | None = Field(default=None, gt=0.0)
    """Passes over the training images; give this or `steps`."""
    steps: int | None = Field(default=None, ge=1)
    """Optimizer updates; give this or `epochs`."""
    batch_size: int = Field(default=128, ge=1)
    """Images in one step."""
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the label's probability spread over all classes."""
    ema_decay: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Evaluate a moving average of the weights with this decay."""
    keep: Literal["last", "best"] = "last"
    """Which weights the run ends with: the last, or those of the best validation accuracy."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after this many validations without a better accuracy."""
    log_every: int = Field(default=50, ge=1)
    """Steps between two lines of metrics."""
    val_every: int | None = Field(default=None, ge=1)
    """Steps between two validations; once per epoch if not given."""
    checkpoint_seconds: float = Field(default=60.0, gt=0.0)
    """A checkpoint is written at each validation, and whenever this much time has passed."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            got = f"epochs={self.epochs} and steps={self.steps}"
            raise ValueError(f"give exactly one of epochs and steps. Received: {got}")
        return self


class RunConfig(_Section):
    """One run, complete: the same config and the same machine give the same bits."""

    recipe: str = ""
    """Name of the recipe this came from; empty for a bare model."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the weights, the order of images, augmentation and dropout."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `auto` takes a GPU if there is one."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """`auto` takes bf16 where the processor multiplies it fast, else float32."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of the CPU; the cores this process may use if not given."""
    model: ModelConfig
    data: DataConfig = DataConfig()
    optim: OptimConfig = OptimConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    train: TrainConfig = TrainConfig(epochs=10)

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, source: str) -> Self:
        """Validate nested settings.

        Args:
            values: sections and fields as TOML gives them.
            source: the file or command that they come from, for messages.

        Raises:
            ConfigError: a field is unknown or its value is not allowed.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(_one_line(error, source)) from None

    @classmethod
    def from_toml(cls, text: str, *, source: str) -> Self:
        """Read a recipe; `source` names the file in messages.

        Raises:
            ConfigError: the text is not TOML, or a field is unknown or not allowed.
        """
        return cls.from_dict(parse_toml(text, source=source), source=source)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a recipe from a file.

        Raises:
            ConfigError: the file cannot be read, or as `from_toml`.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as a recipe: {error}.") from None
        return cls.from_toml(text, source=str(path))

    def to_toml(self) -> str:
        """Return every setting, defaults included, as TOML that `from_toml` reads back to an equal config."""
        return tomli_w.dumps(_without_none(self.model_dump(mode="json")))

    def with_changes(self, changes: dict[str, Any], *, source: str = "--set") -> Self:
        """Return a copy with some fields replaced.

        Args:
            changes: dotted field names and their values, such as `{"optim.lr": 0.1}`. Setting one of
                `train.epochs` and `train.steps` clears the other.
            source: what asked for the changes, for messages.

        Raises:
            ConfigError: a field is unknown or its value is not allowed.
        """
        values = self.model_dump(mode="json")
        for name, value in changes.items():
            *sections, field = name.split(".")
            place = values
            for section in sections:
                if not isinstance(place.get(section), dict):
                    remedy = did_you_mean(section, [key for key in place if isinstance(place[key], dict)])
                    raise ConfigError(f"{source} {name}: there is no section {section!r}. {remedy}")
                place = place[section]
            if not isinstance(place.get(field), dict) or isinstance(value, dict):
                place[field] = value
            else:
                raise ConfigError(
                    f"{source} {name}: names a section; name one of its fields: {', '.join(place[field])}."
                )
        if "train.steps" in changes and "train.epochs" not in changes:
            values["train"]["epochs"] = None
        if "train.epochs" in changes and "train.steps" not in changes:
            values["train"]["steps"] = None
        return type(self).from_dict(values, source=source)


def parse_toml(text: str, *, source: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ConfigError: the text is not TOML; the message names `source` and the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not valid TOML: {error}.") from None


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `optim.lr=0.1` into a field name and a value, read as TOML where it is TOML, else as text.

    Raises:
        ConfigError: there is no `=`.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"--set takes FIELD=VALUE, such as --set optim.lr=0.01. Received: {text!r}.")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Drop unset fields: TOML has no null, and an absent field means its default."""
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value is not None
    }


def _one_line(error: ValidationError, source: str) -> str:
    """Say the first thing that is wrong, with its field, the value received and the remedy."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *sections, field = [str(part) for part in first["loc"]]
        known = _section_at(sections).model_fields
        return f"{source}: unknown setting {place!r}. {did_you_mean(field, known)}"
    if first["type"] == "missing":
        return f"{source}: the setting {place!r} is required."
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{source}: {place}: {message}."
    return f"{source}: {place}: {message[0].lower()}{message[1:]}. Received: {first['input']!r}."


def _section_at(path: list[str]) -> type[BaseModel]:
    """Return the config class at a dotted place."""
    section: type[BaseModel] = RunConfig
    for name in path:
        annotation = section.model_fields[name].annotation
        assert isinstance(annotation, type), name
        section = annotation
    return section
