"""The OpenAPI document: bodies that FastAPI does not see, since they are read under limits; real examples."""

import base64
from collections.abc import Collection, Sequence
from typing import Any

from pydantic import BaseModel

from cnnlab.serving.example import example_image
from cnnlab.serving.problems import MEDIA_TYPE, SCHEMA
from cnnlab.serving.questions import JsonExplainQuestion, JsonQuestion

_MEANINGS = {
    400: "The request is no valid HTTP, or the client left before its body was whole.",
    401: "The server asks for a token, and there is none, or another.",
    404: "There is nothing here, or this network cannot be explained.",
    408: "The body arrived too slowly.",
    413: "The body or the number of images is over a limit.",
    415: "The body, or an image in it, is of a type that is not taken.",
    421: "The server does not answer to this Host.",
    422: "A field is missing or wrong, or an image cannot be used; `field` says which.",
    503: "Too much is asked at once; Retry-After says when to come back.",
}
_OF_EVERY_ROUTE = (400, 401, 421)

_TEXT, _WHOLE, _NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
_BINARY = {"type": "string", "format": "binary"}
_PNG = {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_LABELS = _object(
    network=_TEXT,
    predictions=_list(_object(image=_TEXT, labels=_list(_object(label=_TEXT, probability=_PROBABILITY)))),
)
_MAP = _object(
    layer=_TEXT, kind=_TEXT, shape=_list(_WHOLE), least=_NUMBER, largest=_NUMBER, columns=_WHOLE, png=_PNG
)
_MAP["properties"] |= {"inputs": _list(_TEXT), "overlay": _PNG}
_MAP["properties"]["layer"] = _TEXT | {
    "description": "Its place in the network; `add` and `cat`, with numbers, where branches meet."
}
_EXPLANATION = _object(
    network=_TEXT, method=_TEXT, label=_TEXT, probability=_PROBABILITY, image=_PNG, maps=_list(_MAP)
)


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a route that are problems; those that every route may have are among them."""
    return {
        code: {"description": _MEANINGS[code], "content": {MEDIA_TYPE: {"schema": SCHEMA}}}
        for code in sorted({*_OF_EVERY_ROUTE, *codes})
    }


def predict_responses() -> dict[int | str, dict[str, Any]]:
    """Return what `POST /v1/predict` may answer."""
    content = {"application/json": {"schema": _LABELS}}
    return {200: {"description": "Labels.", "content": content}} | problems(408, 413, 415, 422, 503)


def explain_responses() -> dict[int | str, dict[str, Any]]:
    """Return what `POST /v1/explain` may answer."""
    content = {"application/json": {"schema": _EXPLANATION}, "image/png": {"schema": _BINARY}}
    found = {
        "description": "Maps, as JSON; one map as a picture for `Accept: image/png`.",
        "content": content,
    }
    return {200: found} | problems(404, 408, 413, 415, 422, 503)


def add_answers(
    document: dict[str, Any], facts: list[dict[str, Any]], best: Sequence[tuple[str, float]]
) -> dict[str, Any]:
    """Put what the server really answers into a document, as examples.

    Args:
        document: of OpenAPI; it is changed.
        facts: of all networks.
        best: what the first of them says of the example image.

    Returns:
        The document.
    """
    rows = [{"label": label, "probability": probability} for label, probability in best]
    predicted = {"network": facts[0]["name"], "predictions": [{"image": "images", "labels": rows}]}
    for path, method, example in (
        ("/v1/predict", "post", predicted),
        ("/v1/networks", "get", {"networks": facts}),
    ):
        document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["example"] = (
            example
        )
    return document


def add_token(document: dict[str, Any], also_open: Collection[str]) -> dict[str, Any]:
    """Say in a document which routes need the server's token.

    Args:
        document: of OpenAPI; it is changed.
        also_open: paths that need none.

    Returns:
        The document.
    """
    document.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, routes in document["paths"].items():
        if path not in also_open:
            for route in routes.values():
                route["security"] = [{"token": []}]
    return document


def predict(names: list[str]) -> dict[str, Any]:
    """Return what is said of the body of `POST /v1/predict`.

    Args:
        names: of the networks; examples ask the first.
    """
    text = base64.b64encode(example_image()).decode()
    examples = {
        "one": {"summary": "One image", "value": {"images": text}},
        "two": {
            "summary": "Two images, the most probable label of each",
            "value": {"images": [text, text], "network": names[0], "top_k": 1},
        },
    }
    return _request(JsonQuestion, {"type": "array", "items": _BINARY, "minItems": 1}, examples, names)


def explain(names: list[str]) -> dict[str, Any]:
    """Return what is said of the body of `POST /v1/explain`; as `predict`."""
    text = base64.b64encode(example_image()).decode()
    examples = {
        "grad_cam": {
            "summary": "Where the network looked for its answer",
            "value": {"images": text, "network": names[0]},
        },
        "activations": {
            "summary": "What every layer makes of the image",
            "value": {"images": text, "network": names[0], "method": "activations"},
        },
    }
    return _request(JsonExplainQuestion, _BINARY, examples, names)


def _request(
    form: type[BaseModel], images: dict[str, Any], examples: dict[str, Any], names: list[str]
) -> dict[str, Any]:
    """Describe a body in its three forms, and its fields in the URL."""
    schema = form.model_json_schema()
    schema["properties"]["network"] |= {"enum": names, "default": names[0]}
    fields = {name: value for name, value in schema["properties"].items() if name != "images"}
    in_parts = {
        "type": "object",
        "required": ["images"],
        "additionalProperties": False,
        "properties": {"images": images, **fields},
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "examples": examples},
                "multipart/form-data": {"schema": in_parts},
                "image/*": {"schema": _BINARY},
                "application/octet-stream": {"schema": _BINARY},
            },
        },
        "parameters": [
            {
                "name": name,
                "in": "query",
                "description": field["description"],
                "schema": {key: value for key, value in field.items() if key not in ("description", "title")},
                "example": field["default"],
            }
            for name, field in fields.items()
        ],
    }
