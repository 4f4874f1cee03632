"""`POST /v1/explain`: which pixels an answer rests on, or what layers make of an image."""

import base64
import io
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from PIL import Image

from cnnlab.pictures import Pixels
from cnnlab.serving import documents
from cnnlab.serving.batcher import Array
from cnnlab.serving.bodies import Bodies
from cnnlab.serving.explainer import Explainer
from cnnlab.serving.limits import Limits
from cnnlab.serving.networks import Network, answer_in_time, chosen_network
from cnnlab.serving.problems import Problem
from cnnlab.serving.questions import METHODS, JsonExplainQuestion, fields_of_url, read_form

_NEAR = 1e-3
"""By how much probabilities of an export and its run differ at most; the gate of exports asks for less."""


def add_explain(
    app: FastAPI, networks: dict[str, Network], limits: Limits, bodies: Bodies, explainer: Explainer
) -> None:
    """Add the route.

    Args:
        app: to which it is added.
        networks: by name; those with a run folder are explained.
        limits: of the image, and of time.
        bodies: that reads them.
        explainer: that has torch, which is not imported here.
    """

    @app.post(
        "/v1/explain",
        summary="What an answer rests on, and what layers make of an image",
        tags=["networks"],
        openapi_extra=documents.explain(list(networks)),
        responses=documents.explain_responses(),
        response_class=Response,
    )
    async def explain(request: Request) -> Response:
        body, num_bytes = await bodies.read(request)
        try:
            kind = request.headers.get("content-type", "")
            url = fields_of_url(request.query_params)
            images, fields = read_form(body, kind, url, JsonExplainQuestion, most=1)
            as_picture = _wants_picture(request.headers.get("accept", ""))
            question = _checked(fields, as_picture=as_picture)
            network = chosen_network(networks, fields.get("network", ""))
            run = _run_of(network)
            pixels, probs = await answer_in_time(network.seen(*images[0]), limits)
        finally:
            bodies.release(num_bytes)
        found = await explainer.ask(
            {"run": run, "shape": list(pixels.shape), **question}, np.ascontiguousarray(pixels).tobytes()
        )
        _compare(network, probs, found)
        if as_picture:
            return _picture(*found["maps"])
        return JSONResponse(_answer(network, question["method"], pixels, probs, found))


def _checked(fields: dict[str, str], *, as_picture: bool) -> dict[str, Any]:
    method = fields.get("method", METHODS[0])
    if method not in METHODS:
        raise Problem(422, f"Must be {' or '.join(METHODS)}. Received: {method[:80]!r}.", field="method")
    layers = [name.strip() for name in fields.get("layers", "").split(",") if name.strip()]
    for name, value, needed in (
        ("layers", layers, "activations"),
        ("label", fields.get("label"), "grad_cam"),
    ):
        if value and method != needed:
            raise Problem(422, f"Belongs to method {needed}. Received: method {method}.", field=name)
    if as_picture and method == "activations" and len(layers) != 1:
        detail = f"A PNG shows one layer; choose it by layers. Received: {len(layers) or 'all of them'}."
        raise Problem(422, detail, field="layers")
    return {"method": method, "label": fields.get("label", ""), "layers": layers}


def _run_of(network: Network) -> str:
    if network.run is None:
        raise Problem(404, network.unexplained, field="network")
    return str(network.run)


def _compare(network: Network, probs: Array, found: dict[str, Any]) -> None:
    """Refuse a run folder that is not that of the ONNX file; rounding to int8 may move an answer."""
    is_same = list(network.export.class_names) == found["class_names"]
    if is_same and network.export.precision == "float32":
        is_same = bool(np.abs(probs - np.array(found["probs"])).max() <= _NEAR)
    if not is_same:
        detail = f"{network.name} cannot be explained: its ONNX file is not of the weights in {network.run}."
        raise Problem(404, f"{detail} Export the run again.", field="network")


def _wants_picture(accept: str) -> bool:
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return "image/png" in kinds and not {"application/json", "text/html"} & set(kinds)


def _picture(layer: dict[str, Any]) -> Response:
    return Response(base64.b64decode(layer.get("overlay", layer["png"])), media_type="image/png")


def _answer(
    network: Network, method: str, pixels: Pixels, probs: Array, found: dict[str, Any]
) -> dict[str, Any]:
    label = found["label"]
    return {
        "network": network.name,
        "method": method,
        "label": label,
        "probability": float(probs[network.export.class_names.index(label)]),
        "image": _png(pixels),
        "maps": found["maps"],
    }


def _png(pixels: Pixels) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
