"""The networks by name: how they are registered, described and built."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, get_type_hints

import torch
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from cnnlab.errors import ConfigError, MissingResourceError, did_you_mean
from cnnlab.machine import memory_bytes
from cnnlab.models.classifier import ImageClassifier
from cnnlab.values import plain, shown

Builder = TypeVar("Builder", bound=Callable[..., ImageClassifier])

_GEOMETRY = {
    "in_channels": Annotated[int, Field(gt=0, le=1024)],
    "num_classes": Annotated[int, Field(gt=0, le=100_000)],
    "image_size": Annotated[int, Field(gt=0, le=4096)],
}
LARGE_IMAGE_SIZE = 128
"""Networks made for such images have tens of millions of weights, those for smaller ones a few."""

_SURELY_FITS = 256
"""Where no number given is larger, no network here fills a machine: its size need not be worked out."""

_REGISTRY: dict[str, "ModelInfo"] = {}


@dataclass(frozen=True)
class ModelInfo:
    """A network before it is built.

    Attributes:
        name: what it is called everywhere.
        builder: the function that builds it.
        year: when it was published.
        paper: where, such as `arXiv:1512.03385`; empty for a tutorial's network.
        source: what it is a form of, such as `ResNet for CIFAR-10`.
        summary: one sentence about it.
        image_size: height and width of the images it was made for, in pixels.
        in_channels: channels of the images it was made for.
        num_classes: how many classes it was made for.
        takes_image_size: whether its dense layers are sized for one image size; else it takes any.
        arguments: its other constructor arguments and their defaults.
    """

    name: str
    builder: Callable[..., ImageClassifier]
    year: int
    paper: str
    source: str
    summary: str
    image_size: int
    in_channels: int
    num_classes: int
    takes_image_size: bool
    arguments: Mapping[str, Any]

    @property
    def is_large(self) -> bool:
        """Whether it was made for photographs: its weights are too many to be made only to be counted."""
        return self.image_size >= LARGE_IMAGE_SIZE


def register_model(
    *, year: int, paper: str, image_size: int, source: str, in_channels: int
) -> Callable[[Builder], Builder]:
    """Register the decorated builder under its own name; the values are those of `ModelInfo`.

    The builder takes keyword arguments only, all with defaults and type hints, `in_channels` and
    `num_classes` among them, and `image_size` if it needs to know. The first line of its docstring
    becomes the summary.
    """

    def register(builder: Builder) -> Builder:
        name = builder.__name__
        assert name not in _REGISTRY, f"two networks are called {name!r}"
        parameters = inspect.signature(builder).parameters
        for parameter in parameters.values():
            assert parameter.kind is parameter.KEYWORD_ONLY, f"{name}: {parameter.name} is not keyword-only"
            assert parameter.default is not parameter.empty, f"{name}: {parameter.name} has no default"
        assert {"in_channels", "num_classes"} <= parameters.keys(), name
        _REGISTRY[name] = ModelInfo(
            name=name,
            builder=builder,
            year=year,
            paper=paper,
            source=source,
            summary=(inspect.getdoc(builder) or "").partition("\n")[0],
            image_size=image_size,
            in_channels=in_channels,
            num_classes=parameters["num_classes"].default,
            takes_image_size="image_size" in parameters,
            arguments=MappingProxyType(
                {key: value.default for key, value in parameters.items() if key not in _GEOMETRY}
            ),
        )
        return builder

    return register


def model_info(name: str) -> ModelInfo:
    """Return what is known of a network.

    Raises:
        ConfigError: there is no network of this name.
    """
    if not isinstance(name, str) or name not in _REGISTRY:
        raise ConfigError(f"There is no network called {name!r}. {did_you_mean(str(name), _REGISTRY)}")
    return _REGISTRY[name]


def list_models(pattern: str = "*") -> list[str]:
    """Return the names that match a pattern such as `resnet*`, numbers in them in numeric order.

    Example:
        >>> cnnlab.list_models("alexnet_mnist*")
        ['alexnet_mnist3', 'alexnet_mnist5']
    """
    return sorted((name for name in _REGISTRY if fnmatchcase(name, pattern)), key=_natural)


def create_model(
    name: str,
    /,
    *,
    in_channels: int | None = None,
    num_classes: int | None = None,
    image_size: int | None = None,
    **args: Any,
) -> ImageClassifier:
    """Build a network with fresh weights, drawn from torch's global generator.

    Args:
        name: a name that `list_models` returns.
        in_channels: channels of the images; what the network was made for if not given.
        num_classes: how many logits it puts out; as many as the network was made for if not given.
        image_size: height and width of the images, in pixels; what the network was made for if not given.
        **args: the network's own arguments, `model_info(name).arguments`.

    Raises:
        ConfigError: the name, or the name or value of an argument, is wrong.
        GeometryError: the images are too small for the network.
        MissingResourceError: the network does not fit into this machine's memory.

    Example:
        >>> network = cnnlab.create_model("resnet20", num_classes=100)
        >>> network(torch.zeros(8, 3, 32, 32)).shape
        torch.Size([8, 100])
    """
    info = model_info(name)
    given = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    geometry = {
        key: _checked(name, key, _GEOMETRY[key], value) for key, value in given.items() if value is not None
    }
    if not info.takes_image_size:
        geometry.pop("image_size", None)
    hints = get_type_hints(info.builder, include_extras=True)
    for key, value in args.items():
        if key not in info.arguments:
            known = f"Its arguments: {', '.join(info.arguments)}." if info.arguments else "It takes none."
            raise ConfigError(f"{name}: unknown argument {key!r}. {known}")
        args[key] = _checked(name, key, hints[key], value)
    _check_memory(info, geometry | args)
    return info.builder(**geometry, **args)


def may_be_large(values: Iterable[Any]) -> bool:
    """Tell from its arguments whether a network could fill a machine; most could not."""
    return any(isinstance(value, int) and value > _SURELY_FITS for value in values)


def _check_memory(info: ModelInfo, arguments: dict[str, Any]) -> None:
    """Refuse what would fill the memory: a system may grant more than it has, and kill whoever uses it.

    Raises:
        MissingResourceError: weights, and gradients of the same size, are more than this machine's memory.
    """
    if not may_be_large(arguments.values()) or not memory_bytes() or torch.empty(0).is_meta:
        return
    with torch.device("meta"):  # shapes without numbers
        tensors = info.builder(**arguments).state_dict().values()
    needed = 2 * sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if needed > memory_bytes():
        given = ", ".join(f"{key}={value}" for key, value in arguments.items())
        raise MissingResourceError(
            f"{info.name}: its weights and their gradients take {needed / 1e9:,.1f} GB, and this machine has "
            f"{memory_bytes() / 1e9:,.1f} GB of memory. Choose smaller values. Received: {given}."
        )


def _checked(name: str, key: str, hint: Any, value: Any) -> Any:
    """Return the value if its type hint allows it.

    Raises:
        ConfigError: it does not.
    """
    try:
        return TypeAdapter(hint, config=ConfigDict(strict=True)).validate_python(plain(value))
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        rule = f"{message[0].lower()}{message[1:]}"
        raise ConfigError(f"{name}: {key}: {rule}. Received: {shown(value)}.") from None


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key under which resnet20 comes before resnet110."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
