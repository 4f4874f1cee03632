"""What the JSON files of a run hold: checked when they are read, so that a damaged one is named.

Fields without a default are needed by whoever reads the file; the others are checked where they are there.
Fields that are not named here are let through: later versions may write more.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

# Where pydantic would speak of Python's types.
_IN_OUR_WORDS = {
    "model_type": "is no table of values",
    "dict_type": "is no table of values",
    "list_type": "is no list",
    "string_type": "is no text",
    "missing": "is not there",
}

Count = Annotated[int, Field(ge=0, lt=2**63)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0)]


class Content(BaseModel):
    """A table of values of a file; takes no type for another."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class SeenData(Content):
    """The images of one split, as environment.json remembers them."""

    name: str = ""
    num_images: Count
    fingerprint: str


class Environment(Content):
    """environment.json; see `training.description`."""

    execution: dict[str, Any] = {}
    python: str = ""
    packages: dict[str, str] = {}
    commit: str = ""
    runs_at_once: Annotated[int, Field(ge=1)] = 1
    data: dict[str, SeenData] = {}


class Cost(Content):
    """cost.json; see `training.description`."""

    steps: Count = 0
    epochs: Seconds = 0.0
    train_seconds: Seconds = 0.0
    seconds_per_epoch: Seconds = 0.0
    peak_memory_bytes: Count = 0
    peak_gpu_bytes: Count = 0
    parameters: Count = 0


class ClassScores(Content):
    """One class in eval.json; None is a share of nothing."""

    recall: Share | None
    precision: Share | None
    f1: Share | None = None
    num_images: Count


class FirstScores(Content):
    """The first test images alone, in eval.json."""

    num_images: Annotated[int, Field(ge=1)]
    top1: Share
    top1_interval: Annotated[list[Share], Field(min_length=2, max_length=2)]


class Scores(Content):
    """eval.json; see `evaluation.Evaluation`."""

    top1: Share
    top1_interval: Annotated[list[Share], Field(min_length=2, max_length=2)]
    top5: Share
    loss: float
    ece: Share
    per_class: dict[str, ClassScores]
    confusion_matrix: list[list[Count]]
    class_names: list[str]
    num_images: Annotated[int, Field(ge=1, lt=2**63)]
    split: Literal["test"]
    data: str
    fingerprint: str
    seconds: Seconds
    tta: Literal["none", "centre", "mirror", "shift", "mirror-shift", "ten-crop"] = "none"
    average: Literal["logits", "probs"] = "probs"
    first: FirstScores | None = None

    @model_validator(mode="after")
    def _classes_agree(self) -> Self:
        names, rows = self.class_names, self.confusion_matrix
        if not names or len(set(names)) < len(names):
            raise _fault("class_names: has none, or one of them twice")
        if set(self.per_class) != set(names):
            raise _fault("per_class: does not have the classes that class_names has")
        if [len(row) for row in rows] != [len(names)] * len(names):
            raise _fault(f"confusion_matrix: is not {len(names)} x {len(names)}, as class_names says")
        if [sum(row) for row in rows] != [self.per_class[name].num_images for name in names]:
            raise _fault("confusion_matrix: its rows have not as many images as per_class says")
        return self


class MetricsLine(Content):
    """A line of metrics.jsonl."""

    split: Literal["train", "val"]
    step: Count
    epoch: Annotated[float, Field(gt=0.0)]
    loss: float
    top1: Share
    lr: float = 0.0
    images_per_s: float = 0.0
    seconds: Seconds = 0.0


def _fault(message: str) -> PydanticCustomError:
    """Return an error whose message stays as it is."""
    return PydanticCustomError("fields_disagree", "{message}", {"message": message})


def what_is_wrong(values: Any, content: type[BaseModel]) -> str:
    """Return what is wrong with values read from a file, by field; empty if nothing is."""
    try:
        content.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        message = _IN_OUR_WORDS.get(first["type"], message)
        return f"{place}: {message}" if place else message
    return ""
