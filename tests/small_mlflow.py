"""As much of an MLflow server as cnnlab asks for; tests/lab/test_real_mlflow.py has a real one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class SmallMlflow(ThreadingHTTPServer):
    """What it was sent, in memory.

    Attributes:
        runs: by id: `info`, `params`, `tags`, `metrics` as a set of (key, value, timestamp, step), `files`.
        experiments: names; their id is the place in the list.
        refusal: an HTTP status that every request is answered with, if it is not 0.
        paths: of all requests so far.
        authorizations: the credentials that came with them.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: dict[str, dict[str, Any]] = {}
        self.experiments: list[str] = []
        self.refusal = 0
        self.paths: list[str] = []
        self.authorizations: set[str | None] = set()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def history(self, run_id: str, key: str) -> list[tuple[int, float]]:
        """All values of a metric, by step."""
        found = [(step, value) for name, value, _, step in self.runs[run_id]["metrics"] if name == key]
        return sorted(found)

    def answer(self, method: str, path: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Do what is asked; None where there is no such thing."""
        match path.removeprefix("/api/2.0/mlflow/"):
            case "experiments/get-by-name":
                if asked["experiment_name"] not in self.experiments:
                    return None
                number = str(self.experiments.index(asked["experiment_name"]))
                return {"experiment": {"experiment_id": number, "lifecycle_stage": "active"}}
            case "experiments/create":
                self.experiments.append(asked["name"])
                return {"experiment_id": str(len(self.experiments) - 1)}
            case "runs/create":
                run_id = f"run{len(self.runs)}"
                place = f"mlflow-artifacts:/{asked['experiment_id']}/{run_id}/artifacts"
                info = {**asked, "run_id": run_id, "artifact_uri": place, "status": "RUNNING"}
                tags = {tag["key"]: tag["value"] for tag in info.pop("tags")}
                self.runs[run_id] = {"info": info, "params": {}, "tags": tags, "metrics": set(), "files": {}}
                return {"run": {"info": info}}
            case known if asked.get("run_id") not in self.runs:
                return None
        run = self.runs[asked["run_id"]]
        if known == "runs/get":
            return {"run": {"info": run["info"]}}
        if known == "runs/update":
            run["info"] |= asked
        elif known == "runs/set-tag":
            run["tags"][asked["key"]] = asked["value"]
        elif known == "runs/log-batch":
            assert len(asked.get("metrics", [])) <= 1000 and len(asked.get("params", [])) <= 100
            run["params"] |= {one["key"]: one["value"] for one in asked.get("params", [])}
            order = ("key", "value", "timestamp", "step")
            run["metrics"] |= {tuple(one[name] for name in order) for one in asked.get("metrics", [])}
        elif known == "metrics/get-history":
            values = self.history(asked["run_id"], asked["metric_key"])
            start = int(asked.get("page_token", 0))
            page = [{"step": str(step), "value": value} for step, value in values[start : start + 2]]
            more = {"next_page_token": str(start + 2)} if len(values) > start + 2 else {}
            return {"metrics": page, **more}
        return {}


class _Handler(BaseHTTPRequestHandler):
    server: SmallMlflow

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._do("GET", parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})

    def do_POST(self) -> None:
        self._do("POST", self.path, json.loads(self._content()))

    def do_PUT(self) -> None:
        content = self._content()
        place = self.path.removeprefix("/api/2.0/mlflow-artifacts/artifacts/")
        _, run_id, _, name = place.split("/", 3)
        self.server.runs[run_id]["files"][name] = content
        self._send(200, {})

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _content(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _do(self, method: str, path: str, asked: dict[str, Any]) -> None:
        self.server.paths.append(path)
        self.server.authorizations.add(self.headers.get("Authorization"))
        if self.server.refusal:
            self._send(self.server.refusal, "<html>")
            return
        answer = self.server.answer(method, path, asked)
        missing = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "there is\nno such thing"}
        self._send(404 if answer is None else 200, missing if answer is None else answer)

    def _send(self, status: int, answer: object) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def small_mlflow() -> Iterator[SmallMlflow]:
    """Run a server for as long as it is needed."""
    with SmallMlflow() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
