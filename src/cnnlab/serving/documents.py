"""The OpenAPI document: bodies that FastAPI does not see, since they are read under limits; real examples."""

import base64
import io
from typing import Any

from PIL import Image, ImageDraw

from cnnlab.serving.problems import MEDIA_TYPE, SCHEMA
from cnnlab.serving.questions import JsonQuestion

_MEANINGS = {
    408: "The body arrived too slowly.",
    413: "The body or the number of images is over a limit.",
    415: "The body, or an image in it, is of a type that is not taken.",
    422: "A field is missing or wrong, or an image cannot be used; `field` says which.",
    503: "Too much is asked at once; Retry-After says when to come back.",
}


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a route that are problems."""
    return {
        code: {"description": _MEANINGS[code], "content": {MEDIA_TYPE: {"schema": SCHEMA}}} for code in codes
    }


def example_image() -> bytes:
    """Return a PNG that every network answers: a digit 1, dark on light."""
    image = Image.new("L", (28, 28), 255)
    ImageDraw.Draw(image).line([(10, 9), (14, 5), (14, 23)], fill=0, width=3)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def predict(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of `POST /v1/predict`, whose body has three forms.

    Args:
        facts: of the network that examples name.
    """
    binary = {"type": "string", "format": "binary"}
    text = base64.b64encode(example_image()).decode()
    name = facts["name"]
    schema = JsonQuestion.model_json_schema()
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["images"],
                        "additionalProperties": False,
                        "properties": {
                            "images": {"type": "array", "items": binary, "minItems": 1},
                            "network": {"type": "string"},
                            "top_k": {"type": "integer", "minimum": 1},
                        },
                    }
                },
                "application/json": {
                    "schema": schema,
                    "examples": {
                        "one": {"summary": "One image", "value": {"images": text}},
                        "two": {
                            "summary": "Two images, the most probable label of each",
                            "value": {"images": [text, text], "network": name, "top_k": 1},
                        },
                    },
                },
                "image/*": {"schema": binary},
                "application/octet-stream": {"schema": binary},
            },
        },
        "parameters": [
            {"name": "network", "in": "query", "schema": {"type": "string"}, "example": name},
            {"name": "top_k", "in": "query", "schema": {"type": "integer", "minimum": 1}, "example": 3},
        ],
    }
