"""The web application: its routes, and what is shared by them."""

from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

import cnnlab
from cnnlab.export import Export
from cnnlab.serving import documents
from cnnlab.serving.bodies import Bodies
from cnnlab.serving.explain_route import add_explain
from cnnlab.serving.explainer import Explainer
from cnnlab.serving.guard import OPEN, Guard
from cnnlab.serving.limits import Limits
from cnnlab.serving.metrics import Metrics
from cnnlab.serving.networks import Network, answer_in_time, chosen_network, networks_of
from cnnlab.serving.page import open_paths, page_router
from cnnlab.serving.problems import Problem, add_handlers
from cnnlab.serving.questions import fields_of_url, read_question
from cnnlab.serving.reference import HEADERS, reference_page


def make_app(
    exports: Sequence[Export],
    limits: Limits | None = None,
    *,
    token: str | None = None,
    hosts: Sequence[str] | None = None,
) -> FastAPI:
    """Return the application that answers for networks.

    Args:
        exports: networks, as `load_export` returns them; the first answers where none is named.
        limits: what a request may cost.
        token: that clients must send as `Authorization: Bearer TOKEN`; None lets everyone in.
        hosts: names that are answered to; None for any.

    Raises:
        ConfigError: there is no network, or two have one name.
    """
    limits, metrics = limits or Limits(), Metrics()
    decoders = ThreadPoolExecutor(limits.decode_threads, thread_name_prefix="decode")
    networks = networks_of(exports, limits, metrics, decoders)
    explainer = Explainer(limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for network in networks.values():
            network.warm_up()
            network.batcher.start()
        app.state.is_ready = True
        yield
        app.state.is_ready = False
        for network in networks.values():
            await network.batcher.stop()
        await explainer.stop()
        decoders.shutdown(wait=False, cancel_futures=True)

    # FastAPI's own pages load scripts from another host; `reference` has one that does not.
    app = FastAPI(
        title="cnnlab", version=cnnlab.__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.is_ready = False
    add_handlers(app)
    _add_probes(app, metrics)
    _add_networks(app, networks)
    bodies = Bodies(limits)
    _add_predict(app, networks, limits, bodies)
    add_explain(app, networks, limits, bodies, explainer)
    _add_reference(app, networks, has_token=token is not None)
    routes = frozenset(path for route in app.routes if (path := getattr(route, "path", "")))
    app.include_router(page_router(list(networks.values())))  # whose many files are counted as one
    app.add_middleware(
        Guard, metrics=metrics, routes=routes, token=token, hosts=hosts, also_open=open_paths()
    )
    return app


def _add_probes(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/healthz", summary="Is the process alive?", tags=["operation"], responses=documents.problems())
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get(
        "/readyz",
        summary="Are the networks loaded?",
        tags=["operation"],
        responses=documents.problems(503),
    )
    async def readyz() -> dict[str, str]:
        if not app.state.is_ready:
            raise Problem(503, "The networks are not loaded yet, or the server is stopping.", retry_after=1)
        return {"status": "ready"}

    @app.get(
        "/metrics",
        summary="Counters for Prometheus",
        tags=["operation"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}} | documents.problems(),
    )
    async def show_metrics() -> Response:
        return Response(metrics.as_text(), media_type=CONTENT_TYPE_LATEST)


def _add_networks(app: FastAPI, networks: dict[str, Network]) -> None:
    facts = [network.facts() for network in networks.values()]

    @app.get(
        "/v1/networks",
        summary="The networks and their facts",
        tags=["networks"],
        responses=documents.problems(),
    )
    async def list_networks() -> dict[str, Any]:
        return {"networks": facts}


def _add_predict(app: FastAPI, networks: dict[str, Network], limits: Limits, bodies: Bodies) -> None:
    @app.post(
        "/v1/predict",
        summary="What is on images",
        tags=["networks"],
        openapi_extra=documents.predict(list(networks)),
        responses=documents.predict_responses(),
    )
    async def predict(request: Request) -> JSONResponse:
        body, num_bytes = await bodies.read(request)
        try:
            question = read_question(
                body, request.headers.get("content-type", ""), fields_of_url(request.query_params), limits
            )
            network = chosen_network(networks, question.network)
            answer = network.labels(question.images, question.top_k)
            labels = await answer_in_time(answer, limits)
        finally:
            bodies.release(num_bytes)
        predictions = [
            {"image": name, "labels": [{"label": label, "probability": prob} for label, prob in row]}
            for (name, _image), row in zip(question.images, labels, strict=True)
        ]
        return JSONResponse({"network": network.name, "predictions": predictions})


def _add_reference(app: FastAPI, networks: dict[str, Network], *, has_token: bool) -> None:
    facts, first = [network.facts() for network in networks.values()], next(iter(networks.values()))
    document = app.openapi

    def with_answers() -> dict[str, Any]:
        found = documents.add_answers(document(), facts, first.example)
        return documents.add_token(found, OPEN) if has_token else found

    app.openapi = with_answers

    @app.get("/docs", include_in_schema=False)
    async def show_reference(request: Request) -> HTMLResponse:
        address = str(request.base_url).rstrip("/")
        page = reference_page(app.openapi(), address, has_token=has_token)
        return HTMLResponse(page, headers=HEADERS)
