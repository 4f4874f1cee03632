"""From the body of a request to the images in it: multipart files, base64 in JSON, or an image as it is.

The name of a file and the type that a client states decide only how a body is taken apart. What an image is,
its own first bytes say.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import QueryParams

from cnnlab.serving.limits import Limits
from cnnlab.serving.multipart import Part, read_parts
from cnnlab.serving.problems import Problem
from cnnlab.values import MAX_SHOWN

KINDS = ("multipart/form-data", "application/json", "application/octet-stream", "image/*")

METHODS = ("grad_cam", "activations")
"""Of explaining."""

_FORMATS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"GIF8")
"""How files of the formats begin that are taken. TIFF is not: browsers do not send it, and its many
compressions are the largest part of what `cnnlab.pictures` could be made to run."""

_MOST_TOP_K = 100_000
_MOST_TEXT = 4000
"""Bytes of a field that is no image."""

Images = tuple[tuple[str, bytes], ...]
"""Encoded images, each with the name of the field that it came in."""


@dataclass(frozen=True)
class Question:
    """What a client wants to know.

    Attributes:
        images: at least one.
        network: of the server's; empty for the first of them.
        top_k: labels for each image, at most.
    """

    images: Images
    network: str
    top_k: int


class JsonQuestion(BaseModel):
    """The body of a request in JSON."""

    model_config = ConfigDict(strict=True, extra="forbid")

    images: list[str] | str = Field(description="One image or several, encoded in base64.")
    network: str = Field("", max_length=300, description="Which network; the first of the list if not given.")
    top_k: int = Field(3, ge=1, le=_MOST_TOP_K, description="Labels for each image, at most.")


class JsonExplainQuestion(BaseModel):
    """The body of a request for an explanation, in JSON."""

    model_config = ConfigDict(strict=True, extra="forbid")

    images: str = Field(description="One image, encoded in base64.")
    network: str = Field("", max_length=300, description="Which network; the first of the list if not given.")
    method: Literal["grad_cam", "activations"] = Field(METHODS[0], description="What is returned.")
    label: str = Field("", max_length=300, description="The class that Grad-CAM explains; else the answer.")
    layers: str = Field(
        "", max_length=4000, description="Of activations: names with commas between; else all."
    )


def read_question(body: bytes, content_type: str, query: dict[str, str], limits: Limits) -> Question:
    """Take the body of a request for labels apart; as `read_form`."""
    images, fields = read_form(body, content_type, query, JsonQuestion, most=limits.images)
    return Question(images, fields.get("network", ""), _top_k(fields.get("top_k", "3")))


def fields_of_url(query: QueryParams) -> dict[str, str]:
    """Return the fields of a URL.

    Raises:
        Problem: 422, one is there twice.
    """
    pairs = query.multi_items()
    for name, _value in pairs:
        if len(query.getlist(name)) > 1:
            raise Problem(422, "Must be given once.", field=name[:80])
    return dict(pairs)


def read_form(
    body: bytes, content_type: str, query: dict[str, str], form: type[BaseModel], *, most: int
) -> tuple[Images, dict[str, str]]:
    """Take a body apart.

    Args:
        body: whole.
        content_type: of the header.
        query: fields of the URL; a body's own fields go before them.
        form: what the body is in JSON: `images` and other fields.
        most: images in it.

    Returns:
        The images, and the other fields as text, as far as they are given.

    Raises:
        Problem: 415, a body or an image of a type that is not taken; 413, more images than `most`; 422, a
            field is missing, unknown or wrong. It names the field.
    """
    names = tuple(name for name in form.model_fields if name != "images")
    for name in query:
        if name not in names:
            listed = f"{', '.join(names[:-1])} and {names[-1]}"
            raise Problem(422, f"There is no such field of the URL; there are {listed}.", field=name[:80])
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        images, fields = _of_parts(read_parts(body, content_type, most=most + len(names) + 1), names, most)
    elif kind == "application/json":
        images, fields = _of_json(body, form, most)
    elif kind == "application/octet-stream" or kind.startswith("image/"):
        images, fields = [("body", body)], {}
    else:
        raise Problem(
            415,
            f"The body must be {', '.join(KINDS[:-1])} or {KINDS[-1]}. Received: {kind[:80] or 'no type'!r}.",
            field="Content-Type",
        )
    for name, content in images:
        is_webp = content.startswith(b"RIFF") and content[8:12] == b"WEBP"
        if not is_webp and not content.startswith(_FORMATS):
            raise Problem(
                415 if content else 422, f"{name}: must be a PNG, JPEG, WebP, BMP or GIF image.", field=name
            )
    return tuple(images), query | fields


def _of_json(body: bytes, form: type[BaseModel], most: int) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    try:
        given = form.model_validate_json(body).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise _problem_of(error.errors(include_url=False)[0], form) from None
    texts = given.pop("images")
    is_list = isinstance(texts, list)
    texts = texts if is_list else [texts]
    _check_number(len(texts), most)
    images = []
    for index, text in enumerate(texts):
        name = f"images[{index}]" if is_list else "images"
        try:
            images.append((name, base64.b64decode(text, validate=True)))
        except (binascii.Error, ValueError):
            raise Problem(422, f"{name}: must be base64, without a prefix or breaks.", field=name) from None
    return images, {name: str(value) for name, value in given.items()}


def _problem_of(error: Any, form: type[BaseModel]) -> Problem:
    """Return what is wrong with a body in JSON, with the value, cut where it is long."""
    place = str(error["loc"][0])[:80] if error["loc"] else "body"
    if error["type"] == "extra_forbidden":
        return Problem(422, f"There is no such field; there are {', '.join(form.model_fields)}.", field=place)
    if place == "images" and error["type"] != "missing":
        or_several = "" if form.model_fields["images"].annotation is str else ", or a list of such"
        return Problem(422, f"Must be text in base64{or_several}.", field=place)
    if place == "body" or error["type"] == "missing":
        return Problem(422, f"{error['msg']}.", field=place)
    received = json.dumps(error["input"], ensure_ascii=False)
    received = received if len(received) <= MAX_SHOWN else f"{received[:MAX_SHOWN]}..."
    return Problem(422, f"{error['msg']}. Received: {received}.", field=place)


def _of_parts(
    parts: list[Part], names: tuple[str, ...], most: int
) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    images: list[tuple[str, bytes]] = []
    fields: dict[str, str] = {}
    for part in parts:
        if part.name == "images":
            images.append((f"images[{len(images)}]", part.content))
        elif part.name in names and part.name not in fields and len(part.content) <= _MOST_TEXT:
            fields[part.name] = part.content.decode(errors="replace")
        else:
            raise Problem(
                422,
                f"Parts must be called images, or once each {' or '.join(names)}, with a short text.",
                field=part.name[:80],
            )
    _check_number(len(images), most)
    return images, fields


def _check_number(number: int, most: int) -> None:
    if not 1 <= number <= most:
        wanted = "one image" if most == 1 else f"1 to {most} images"
        raise Problem(413 if number else 422, f"There must be {wanted}. Received: {number}.", field="images")


def _top_k(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= 6
    if not is_number or not 1 <= int(text) <= _MOST_TOP_K:
        raise Problem(
            422, f"Must be a whole number from 1 to {_MOST_TOP_K}. Received: {text[:80]!r}.", field="top_k"
        )
    return int(text)
