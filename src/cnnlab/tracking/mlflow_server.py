"""An MLflow server, by its REST interface: https://mlflow.org/docs/latest/api_reference/rest-api.html.

MLflow's own client would bring 28 packages and 160 MB of memory, which would count as the run's.
"""

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import requests

from cnnlab.errors import ConfigError, MissingResourceError

TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and to wait for an answer."""
MAX_METRICS = 1000
"""Of one request; a limit of MLflow's."""
PROXIED = "mlflow-artifacts:/"
"""Where artifacts lie that go through the server, as they do unless it was told otherwise."""


class RefusedError(ConfigError):
    """The server does not do what it was asked for.

    Attributes:
        code: MLflow's word for the reason, such as `RESOURCE_DOES_NOT_EXIST`.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class MlflowServer:
    """Speaks with one server. User and password are never shown.

    Attributes:
        address: the server's, without user and password.

    Args:
        uri: `http://HOST:PORT` or `https://...`, with `USER:PASSWORD@` if need be; else these come from
            `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, or from `MLFLOW_TRACKING_TOKEN`.

    Raises:
        ConfigError: it is no address.
    """

    def __init__(self, uri: str) -> None:
        self.address, user, password = _parse(uri)
        user = user or os.environ.get("MLFLOW_TRACKING_USERNAME", "")
        password = password or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
        self._auth = (user, password) if user else None
        token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
        self._headers = {"Authorization": f"Bearer {token}"} if token and not user else {}
        self._session = requests.Session()

    def close(self) -> None:
        """Close the connection; another call opens it again."""
        self._session.close()

    def experiment_id(self, name: str) -> str:
        """Return the id of an experiment, which is made if there is none of this name.

        Raises:
            ConfigError: it has been deleted, or as `_call` does.
        """
        try:
            known = {"experiment_name": name}
            experiment = self._call("GET", "experiments/get-by-name", "experiment", params=known)
        except RefusedError as error:
            if error.code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return str(self._call("POST", "experiments/create", "experiment_id", json={"name": name}))
        if experiment.get("lifecycle_stage") == "deleted":
            raise ConfigError(
                f"MLflow at {self.address}: the experiment {name!r} was deleted. Restore it, or name another "
                "in MLFLOW_EXPERIMENT_NAME."
            )
        return str(experiment["experiment_id"])

    def create_run(
        self, experiment_id: str, name: str, *, start_ms: int, tags: dict[str, str]
    ) -> dict[str, Any]:
        """Make a run; return its `info`, with `run_id` and `artifact_uri`."""
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        about = {"experiment_id": experiment_id, "run_name": name, "start_time": start_ms, "tags": pairs}
        return self._call("POST", "runs/create", "run", "info", json=about)

    def find_run(self, run_id: str) -> dict[str, Any] | None:
        """Return the `info` of a run; None if this server has it not, or not any more."""
        try:
            info = self._call("GET", "runs/get", "run", "info", params={"run_id": run_id})
        except RefusedError as error:
            if error.code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return None if info.get("lifecycle_stage") == "deleted" else info

    def update_run(self, run_id: str, status: str, *, end_ms: int | None = None) -> None:
        """Set the status, and the time of its end where it has one."""
        end = {} if end_ms is None else {"end_time": end_ms}
        self._call("POST", "runs/update", json={"run_id": run_id, "status": status, **end})

    def log_params(self, run_id: str, params: dict[str, str]) -> None:
        """Set parameters; one that is set already must have the same value."""
        pairs = [{"key": key, "value": value} for key, value in params.items()]
        for start in range(0, len(pairs), 100):
            self._call(
                "POST", "runs/log-batch", json={"run_id": run_id, "params": pairs[start : start + 100]}
            )

    def log_metrics(self, run_id: str, metrics: Sequence[dict[str, Any]]) -> None:
        """Add values: each a `key`, `value`, `timestamp` in ms and `step`. The same one twice counts once."""
        for start in range(0, len(metrics), MAX_METRICS):
            batch = list(metrics[start : start + MAX_METRICS])
            self._call("POST", "runs/log-batch", json={"run_id": run_id, "metrics": batch})

    def metric_history(self, run_id: str, key: str) -> list[dict[str, Any]]:
        """Return all values of a metric."""
        values: list[dict[str, Any]] = []
        page: dict[str, str] = {}
        while True:
            params = {"run_id": run_id, "metric_key": key, **page}
            answer = self._call("GET", "metrics/get-history", params=params)
            values += answer.get("metrics", [])
            if not (token := answer.get("next_page_token")):
                return values
            page = {"page_token": token}

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set a tag of a run."""
        self._call("POST", "runs/set-tag", json={"run_id": run_id, "key": key, "value": value})

    def upload(self, artifact_uri: str, name: str, content: bytes) -> None:
        """Keep a file with a run, at `name` below the run's `artifact_uri`.

        Raises:
            MissingResourceError: the run's files do not go through the server.
        """
        if not artifact_uri.startswith(PROXIED) or artifact_uri.startswith(f"{PROXIED}/"):
            raise MissingResourceError(
                f"MLflow at {self.address}: keeps files past the server ({artifact_uri.partition(':')[0]}); "
                "those of the run are not sent. Start it with --serve-artifacts."
            )
        place = f"{artifact_uri.removeprefix(PROXIED)}/{name}"
        self._request("PUT", f"api/2.0/mlflow-artifacts/artifacts/{quote(place)}", data=content)

    def _call(self, method: str, path: str, *keys: str, **what: Any) -> Any:
        """Ask for something, and return what the server answers, or what lies in that under some keys.

        Raises:
            RefusedError: the server gives a reason why not.
            ConfigError: it is no MLflow server, or takes other credentials.
            MissingResourceError: it does not answer.
        """
        answer = self._request(method, f"api/2.0/mlflow/{path}", **what)
        try:
            values = answer.json()
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise self._is_another(answer)
        for key in keys:
            values = values.get(key) if isinstance(values, dict) else None
        if values is None:
            raise self._is_another(answer)
        return values

    def _request(self, method: str, path: str, **what: Any) -> requests.Response:
        try:
            answer = self._session.request(
                method,
                f"{self.address}/{path}",
                auth=self._auth,
                headers=self._headers,
                timeout=TIMEOUT,
                **what,
            )
        except requests.RequestException as error:  # its text has the whole address
            reason = "took too long" if isinstance(error, requests.Timeout) else "cannot be reached"
            raise MissingResourceError(
                f"MLflow at {self.address}: {reason} ({type(error).__name__}). Start it with `mlflow server`."
            ) from None
        if answer.ok:
            return answer
        if answer.status_code in (401, 403):
            raise ConfigError(
                f"MLflow at {self.address}: refuses access (HTTP {answer.status_code}). Set "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
            )
        try:
            reason = answer.json()
            code, text = str(reason["error_code"]), " ".join(str(reason.get("message", "")).split())
        except (ValueError, KeyError, TypeError):
            raise self._is_another(answer) from None
        raise RefusedError(f"MLflow at {self.address}: refuses: {code}: {text:.200}", code=code)

    def _is_another(self, answer: requests.Response) -> ConfigError | MissingResourceError:
        if answer.status_code >= 500:
            return MissingResourceError(
                f"MLflow at {self.address}: answers HTTP {answer.status_code}; see the server's own messages."
            )
        return ConfigError(
            f"--mlflow: {self.address} does not answer as an MLflow server does (HTTP {answer.status_code}). "
            "Name the address that `mlflow server` prints."
        )


def _parse(uri: str) -> tuple[str, str, str]:
    """Return the address, the user and the password.

    Raises:
        ConfigError: it is no address; what stands before its `@` is not repeated.
    """
    shown = repr(uri.rpartition("@")[2].partition("?")[0])
    rule = f"--mlflow: must be the address of a server, such as http://127.0.0.1:5000. Received: {shown}."
    try:
        parts = urlsplit(uri.strip())
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        raise ConfigError(rule) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(rule)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = f"{parts.scheme}://{host}{port}{parts.path}".rstrip("/")
    return address, unquote(parts.username or ""), unquote(parts.password or "")
