"""The networks by name: how they are registered, described and built."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from pydantic import ConfigDict, PositiveInt, TypeAdapter, ValidationError

from cnnlab.errors import ConfigError, did_you_mean
from cnnlab.models.classifier import ImageClassifier

Builder = TypeVar("Builder", bound=Callable[..., ImageClassifier])

_GEOMETRY = ("in_channels", "num_classes", "image_size")
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
    takes_image_size: bool
    arguments: Mapping[str, Any]


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
    if name not in _REGISTRY:
        raise ConfigError(f"There is no network called {name!r}. {did_you_mean(name, _REGISTRY)}")
    return _REGISTRY[name]


def list_models(pattern: str = "*") -> list[str]:
    """Return the names that match a pattern such as `resnet*`, numbers in them in numeric order.

    Example:
        >>> cnnlab.list_models("alexnet*")
        ['alexnet_mnist3', 'alexnet_mnist5']
    """
    return sorted((name for name in _REGISTRY if fnmatchcase(name, pattern)), key=_natural)


def create_model(
    name: str,
    /,
    *,
    in_channels: int | None = None,
    num_classes: int = 10,
    image_size: int | None = None,
    **args: Any,
) -> ImageClassifier:
    """Build a network with fresh weights, drawn from torch's global generator.

    Args:
        name: a name that `list_models` returns.
        in_channels: channels of the images; what the network was made for if not given.
        num_classes: how many logits it puts out.
        image_size: height and width of the images, in pixels; what the network was made for if not given.
        **args: the network's own arguments, `model_info(name).arguments`.

    Raises:
        ConfigError: the name, or the name or value of an argument, is wrong.
        GeometryError: the images are too small for the network.

    Example:
        >>> network = cnnlab.create_model("resnet20", num_classes=100)
        >>> network(torch.zeros(8, 3, 32, 32)).shape
        torch.Size([8, 100])
    """
    info = model_info(name)
    given = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    geometry = {
        key: _checked(name, key, PositiveInt, value) for key, value in given.items() if value is not None
    }
    if not info.takes_image_size:
        geometry.pop("image_size", None)
    hints = get_type_hints(info.builder, include_extras=True)
    for key, value in args.items():
        if key not in info.arguments:
            known = f"Its arguments: {', '.join(info.arguments)}." if info.arguments else "It takes none."
            raise ConfigError(f"{name}: unknown argument {key!r}. {known}")
        args[key] = _checked(name, key, hints[key], value)
    return info.builder(**geometry, **args)


def _checked(name: str, key: str, hint: Any, value: Any) -> Any:
    """Return the value if its type hint allows it.

    Raises:
        ConfigError: it does not.
    """
    try:
        return TypeAdapter(hint, config=ConfigDict(strict=True)).validate_python(value)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        rule = f"{message[0].lower()}{message[1:]}"
        raise ConfigError(f"{name}: {key}: {rule}. Received: {value!r}.") from None


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key under which resnet20 comes before resnet110."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
