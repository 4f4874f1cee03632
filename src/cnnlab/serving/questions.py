"""From the body of a request to the images in it: multipart files, base64 in JSON, or an image as it is.

The name of a file and the type that a client states decide only how a body is taken apart. What an image is,
its own first bytes say.
"""

import base64
import binascii
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cnnlab.serving.limits import Limits
from cnnlab.serving.multipart import Part, read_parts
from cnnlab.serving.problems import Problem

KINDS = ("multipart/form-data", "application/json", "application/octet-stream", "image/*")

_FORMATS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"BM", b"GIF8")
"""How files of the formats begin that are taken. TIFF is not: browsers do not send it, and its many
compressions are the largest part of what `cnnlab.pictures` could be made to run."""

_MOST_TOP_K = 100_000


@dataclass(frozen=True)
class Question:
    """What a client wants to know.

    Attributes:
        images: encoded; each with the name of the field that it came in.
        network: of the server's; empty for the first of them.
        top_k: labels for each image, at most.
    """

    images: tuple[tuple[str, bytes], ...]
    network: str
    top_k: int


class JsonQuestion(BaseModel):
    """The body of a request in JSON."""

    model_config = ConfigDict(strict=True, extra="forbid")

    images: list[str] | str = Field(description="One image or several, encoded in base64.")
    network: str = Field("", max_length=300, description="Which network; the first of the list if not given.")
    top_k: int = Field(3, ge=1, le=_MOST_TOP_K, description="Labels for each image, at most.")


def read_question(body: bytes, content_type: str, query: dict[str, str], limits: Limits) -> Question:
    """Take a body apart.

    Args:
        body: whole.
        content_type: of the header.
        query: fields of the URL, `network` and `top_k`; a body's own fields go before them.
        limits: of the number of images.

    Raises:
        Problem: 415, a body or an image of a type that is not taken; 413, more images than the limit; 422, a
            field is missing, unknown or wrong. It names the field.
    """
    for name in query:
        if name not in ("network", "top_k"):
            raise Problem(
                422, "There is no such field of the URL; there are network and top_k.", field=name[:80]
            )
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        images, fields = _of_parts(read_parts(body, content_type, most=limits.images + 3), limits)
    elif kind == "application/json":
        images, fields = _of_json(body, limits)
    elif kind == "application/octet-stream" or kind.startswith("image/"):
        images, fields = [("body", body)], {}
    else:
        raise Problem(
            415,
            f"The body must be {', '.join(KINDS[:-1])} or {KINDS[-1]}. Received: {kind[:80] or 'no type'!r}.",
            field="Content-Type",
        )
    for name, content in images:
        if not content.startswith(_FORMATS):
            raise Problem(
                415 if content else 422, f"{name}: must be a PNG, JPEG, WebP, BMP or GIF image.", field=name
            )
    fields = query | fields
    return Question(tuple(images), fields.get("network", ""), _top_k(fields.get("top_k", "3")))


def _of_json(body: bytes, limits: Limits) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    try:
        question = JsonQuestion.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = first["loc"][0] if first["loc"] else ""
        raise Problem(422, f"{first['msg']}.", field=str(place)[:80] or "body") from None
    is_list = isinstance(question.images, list)
    texts = question.images if isinstance(question.images, list) else [question.images]
    _check_number(len(texts), limits)
    images = []
    for index, text in enumerate(texts):
        name = f"images[{index}]" if is_list else "images"
        try:
            images.append((name, base64.b64decode(text, validate=True)))
        except (binascii.Error, ValueError):
            raise Problem(422, f"{name}: must be base64, without a prefix or breaks.", field=name) from None
    given = question.model_dump(include={"network", "top_k"}, exclude_unset=True)
    return images, {name: str(value) for name, value in given.items()}


def _of_parts(parts: list[Part], limits: Limits) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    images: list[tuple[str, bytes]] = []
    fields: dict[str, str] = {}
    for part in parts:
        if part.name == "images":
            images.append((f"images[{len(images)}]", part.content))
        elif part.name in ("network", "top_k") and part.name not in fields and len(part.content) <= 1200:
            fields[part.name] = part.content.decode(errors="replace")
        else:
            raise Problem(
                422,
                "Parts must be called images, or once each network or top_k, with a short text.",
                field=part.name[:80],
            )
    _check_number(len(images), limits)
    return images, fields


def _check_number(number: int, limits: Limits) -> None:
    if not 1 <= number <= limits.images:
        status = 413 if number else 422
        raise Problem(
            status, f"There must be 1 to {limits.images} images. Received: {number}.", field="images"
        )


def _top_k(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= 6
    if not is_number or not 1 <= int(text) <= _MOST_TOP_K:
        raise Problem(
            422, f"Must be a whole number from 1 to {_MOST_TOP_K}. Received: {text[:80]!r}.", field="top_k"
        )
    return int(text)
