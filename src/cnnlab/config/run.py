"""`RunConfig`: one run, complete, with its ways in and out of TOML."""

from pathlib import Path
from typing import Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from cnnlab.config.messages import one_line
from cnnlab.config.optim import OptimConfig, ScheduleConfig
from cnnlab.config.pretrain import PretrainConfig
from cnnlab.config.sections import (
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    Section,
    Text,
    TrainConfig,
)
from cnnlab.config.text import parse_toml
from cnnlab.errors import ConfigError, did_you_mean
from cnnlab.values import plain, shown


class RunConfig(Section):
    r"""One run, complete: the same config and the same machine give the same bits.

    Example:
        >>> recipe = '[model]\nname = "lenet5"\n[train]\nepochs = 3'
        >>> config = cnnlab.RunConfig.from_toml(recipe, source="my.toml")
        >>> config.with_changes({"optim.lr": 0.05}, source="a sweep").optim.lr
        0.05
    """

    recipe: Text = ""
    """Name of the recipe this came from; empty for a bare model."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the weights, the order of images, augmentation and dropout."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; `auto` takes a GPU if there is one."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """`auto` takes bf16 where it is the faster one: on most GPUs, and on a processor with instructions for it
    where this project's kernels, most of which are of float32, cannot run. Where bf16 is asked for and there
    are no instructions for it, it is emulated; by torch, slowly, where `compile` is on."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """Threads of the CPU; the cores this process may use if not given."""
    compile: Literal[False, True, "gpu"] = False
    """Let torch compile the network, which takes a minute or more: for a GPU and many steps. `gpu`: where
    there is one with Triton. On a CPU this project's kernels, which then do not run, are faster."""
    model: ModelConfig
    data: DataConfig = DataConfig()
    pretrain: PretrainConfig = PretrainConfig()
    optim: OptimConfig = OptimConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    train: TrainConfig = TrainConfig(epochs=10)
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _candidates_are_whole_images(self) -> Self:
        mixed = self.data.augment.mixup or self.data.augment.cutmix
        if self.train.candidates > 1 and mixed:
            rule = "train.candidates ranks whole images: leave out data.augment.mixup and cutmix"
            raise ValueError(f"{rule}. Received: candidates={self.train.candidates} and mixed images")
        return self

    def __init__(self, **values: Any) -> None:
        """Take sections and fields by name, as `from_dict` does.

        Raises:
            ConfigError: a field is unknown or its value is not allowed.
        """
        try:
            super().__init__(**plain(values))
        except ValidationError as error:
            raise ConfigError(one_line(error, "RunConfig", type(self))) from None

    # Tells pydantic that validation need not go through this `__init__`, which speaks of no file.
    __init__.__pydantic_base_init__ = True  # pyright: ignore[reportFunctionMemberAccess] # pydantic's own

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, source: str) -> Self:
        """Validate nested settings.

        Args:
            values: sections and fields as TOML gives them.
            source: the file or command that they come from, for messages.

        Raises:
            ConfigError: a field is unknown or its value is not allowed.
        """
        if not isinstance(values, dict):
            raise ConfigError(f"{source}: settings are a table of sections. Received: {shown(values)}.")
        try:
            return cls.model_validate(plain(values))
        except ValidationError as error:
            raise ConfigError(one_line(error, source, cls)) from None

    @classmethod
    def from_toml(cls, text: str, *, source: str) -> Self:
        """Read a recipe; `source` names the file in messages.

        Raises:
            ConfigError: the text is not TOML, or a field is unknown or not allowed.
        """
        return cls.from_dict(parse_toml(text, source=source), source=source)

    @classmethod
    def from_file(cls, path: Path | str) -> Self:
        """Read a recipe from a file.

        Raises:
            ConfigError: the file cannot be read, or as `from_toml`.
        """
        if not isinstance(path, Path | str):
            raise ConfigError(f"A recipe's file is named by a path. Received: {shown(path)}.")
        try:
            text = Path(path).read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        except UnicodeDecodeError:
            reason = "it is not text in UTF-8"
        except ValueError:
            reason = "its name has a null byte"
        else:
            return cls.from_toml(text, source=str(path))
        name = str(path) if str(path).isprintable() else shown(str(path))
        raise ConfigError(f"{name}: cannot be read as a recipe: {reason}.")

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
        if not isinstance(changes, dict) or not all(isinstance(name, str) for name in changes):
            form = "a dictionary of dotted fields and values, such as {'optim.lr': 0.1}"
            raise ConfigError(f"{source}: changes are {form}. Received: {shown(changes)}.")
        values = self.model_dump(mode="json")
        for name, value in changes.items():
            *sections, field = name.split(".")
            place = values
            for section in sections:
                if not isinstance(place.get(section), dict):
                    known = [key for key in place if isinstance(place[key], dict)]
                    remedy = did_you_mean(section, known) if known else "A field has no parts."
                    raise ConfigError(f"{source} {name}: there is no section {section!r}. {remedy}")
                place = place[section]
            if not isinstance(place.get(field), dict) or isinstance(value, dict):
                place[field] = value
            else:
                parts = f"its fields: {', '.join(place[field])}"
                if name == "model.args":  # which holds those that were set
                    parts = "the network's arguments, as model.args.ARGUMENT; "
                    parts += f"`cnnlab models show {self.model.name}` lists them"
                raise ConfigError(f"{source} {name}: names a section; name one of {parts}.")
        if "train.steps" in changes and "train.epochs" not in changes:
            values["train"]["epochs"] = None
        if "train.epochs" in changes and "train.steps" not in changes:
            values["train"]["steps"] = None
        return type(self).from_dict(values, source=source)


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Drop unset fields: TOML has no null, and an absent field means its default."""
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value is not None
    }
