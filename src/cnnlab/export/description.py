"""What an exported file says of itself: the network, its classes, and how pictures are prepared for it.

One JSON object, under the key `cnnlab` in the metadata of an ONNX file, in a file beside a `.pt2`, and among
the assets of a SavedModel. What it says is complete: who knows no cnnlab can prepare pictures by it.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cnnlab.pictures import Preparation

KEY = "cnnlab"
FORMAT = "cnnlab-export-1"
INPUT, OUTPUT = "images", "logits"
LAYOUT = "N x C x H x W"

_Size = Annotated[int, Field(ge=1, le=4096)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Table(BaseModel):
    """A table of the object; takes no type for another, and lets through what later versions may add."""

    model_config = ConfigDict(strict=True)


class _Network(_Table):
    name: Annotated[str, Field(min_length=1)]
    args: dict[str, Any]
    in_channels: Literal[1, 3]
    num_classes: Annotated[int, Field(ge=1, le=100_000)]
    image_size: _Size


class _Preprocessing(_Table):
    image_size: _Size
    crop_size: _Size
    mean: list[_Finite]
    std: list[_Positive]
    digit_size: _Size | None


class _Description(_Table):
    network: _Network
    class_names: list[str]
    preprocessing: _Preprocessing
    trained_on: dict[str, Any]
    precision: Literal["float32", "int8"]
    weights: str = ""


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


@dataclass(frozen=True)
class ExportDescription:
    """The object, checked.

    Attributes:
        network: name, arguments, channels, classes and image size, as `create_model` takes them.
        class_names: what the logits stand for, in their order.
        preparation: from a picture to what the network takes.
        trained_on: the data set, the recipe, the seed.
        precision: the type of the weights: `float32` or `int8`.
        weights: the sha256 sum in the run's weights, by which an export of others is known; may be empty.
    """

    network: dict[str, Any]
    class_names: tuple[str, ...]
    preparation: Preparation
    trained_on: dict[str, Any]
    precision: str = "float32"
    weights: str = ""

    def to_json(self) -> str:
        """Return the object as text; the same for the same network."""
        preparation = self.preparation
        size, channels = preparation.crop_size, preparation.in_channels
        values = {
            "format": FORMAT,
            "network": self.network,
            "class_names": list(self.class_names),
            "input": {
                "name": INPUT,
                "type": "float32",
                "layout": LAYOUT,
                "shape": ["N", channels, size, size],
                "values": "(pixels / 255 - mean) / std, per channel",
            },
            "output": {"name": OUTPUT, "type": "float32", "shape": ["N", len(self.class_names)]},
            "preprocessing": {
                **{key: value for key, value in asdict(preparation).items() if key != "in_channels"},
                "steps": self.steps(),
            },
            "trained_on": self.trained_on,
            "precision": self.precision,
            "weights": self.weights,
        }
        return json.dumps(values, ensure_ascii=False, sort_keys=True)

    def steps(self) -> list[str]:
        """Return the preparation in words, a step in each."""
        done = self.preparation
        colour = "grey: 0.299 R + 0.587 G + 0.114 B" if done.in_channels == 1 else "colour, red first"
        if done.digit_size is not None:
            steps = [f"centre the digit: light strokes on black, {done.digit_size} x {done.digit_size}"]
        else:
            steps = [f"make it {colour}", "cut out the central square"]
        size, crop = done.image_size, done.crop_size
        steps.append(f"resize to {size} x {size}, bilinearly, antialiased")
        steps += [f"cut out the middle {crop} x {crop}"] if crop != size else []
        return [*steps, "divide by 255, subtract the mean, divide by std"]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the object.

        Raises:
            ValueError: it is not one, or its parts do not fit together; the message says what is wrong.
        """
        try:
            values = json.loads(text, parse_constant=_no_number)
            json.dumps(values, ensure_ascii=False).encode()  # refuses half of a character: it is no text
        except UnicodeEncodeError:
            raise ValueError("its description holds half of a character") from None
        except RecursionError:
            raise ValueError("its description is nested too deeply") from None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            version = values.get("format") if isinstance(values, dict) else None
            raise ValueError(f"its format is {version!r}; this version reads {FORMAT!r}")
        try:
            checked = _Description.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
        network, done = checked.network, checked.preprocessing
        if len(set(checked.class_names)) != network.num_classes:
            raise ValueError(f"{len(set(checked.class_names))} class names for {network.num_classes} classes")
        if not len(done.mean) == len(done.std) == network.in_channels:
            raise ValueError("mean and std must have one number for each channel")
        if done.crop_size != network.image_size or done.image_size < done.crop_size:
            raise ValueError("the network's image_size must be crop_size, and image_size no smaller")
        preparation = Preparation(
            in_channels=network.in_channels,
            image_size=done.image_size,
            crop_size=done.crop_size,
            mean=tuple(done.mean),
            std=tuple(done.std),
            digit_size=done.digit_size,
        )
        names = tuple(checked.class_names)
        return cls(
            network.model_dump(), names, preparation, checked.trained_on, checked.precision, checked.weights
        )
