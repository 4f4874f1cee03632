"""A run as an MLflow server shows it: parameters, metrics with their steps, test scores, tags and files."""

import json
import os
from collections.abc import Sequence
from typing import Any

from cnnlab.errors import RunError
from cnnlab.runs import RunFolder
from cnnlab.runs.atomic import write_json
from cnnlab.tracking.mlflow_server import MlflowServer
from cnnlab.tracking.tracker import Ending, scalars, scores_of, start_time

IDS_FILE = "mlflow.json"
"""In the run folder: by server, the id that the run has there, so that `resume` goes on with the same one."""
STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
COSTS = ("train_seconds", "seconds_per_epoch", "peak_memory_bytes", "parameters")
MAX_VALUE = 6000  # characters of a parameter


class MlflowRun:
    """Shows one run on a server.

    MLflow keeps what it was given. Steps that are done a second time after going back to a checkpoint are
    therefore compared with what is there, and not sent again. They are the same bits, unless the run was told
    to go on inexactly: then it is shown as a new one, and the old one says which.
    """

    name = "MLflow"
    option = "--mlflow URI"

    def __init__(self, server: MlflowServer) -> None:
        self._server = server
        self._experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "cnnlab"
        self._num_shown = 0
        self._there: dict[tuple[str, int], float] = {}

    def check(self) -> None:
        """Ask the server for the experiment; raises as `MlflowServer` does."""
        self._server.experiment_id(self._experiment)

    def begin(self, folder: RunFolder) -> str:
        """Find the run on the server, or make it there."""
        self._folder, self._num_shown, self._there = folder, 0, {}
        known = _read_ids(folder).values()
        info = next((info for run_id in known if (info := self._server.find_run(run_id))), None)
        if info is None:
            info = self._create()
        else:
            for key in ("loss/train", "loss/val"):
                for value in self._server.metric_history(info["run_id"], key):
                    self._there[key, int(value["step"])] = float(value["value"])
            self._server.update_run(info["run_id"], "RUNNING")
        self._info = info
        # A run that was cut short between being made and being described is described now
        self._server.log_params(info["run_id"], _params(folder))
        return f"MLflow: {self._server.address}/#/experiments/{info['experiment_id']}/runs/{info['run_id']}"

    def show(self, lines: Sequence[dict[str, Any]]) -> None:
        """Send what the server does not have."""
        new = [line for line in lines[self._num_shown :] if _key(line) not in self._there]
        if any(self._there.get(_key(line), line["loss"]) != line["loss"] for line in lines):
            self._begin_another()
            new = list(lines)
        began = start_time(self._folder)
        metrics = [
            {
                "key": key,
                "value": value,
                "timestamp": _ms(began + line.get("seconds", 0.0)),
                "step": line["step"],
            }
            for line in new
            for key, value in scalars(line).items()
        ]
        self._server.log_metrics(self._info["run_id"], metrics)
        self._there |= {_key(line): line["loss"] for line in new}
        self._num_shown = len(lines)

    def finish(self, ending: Ending) -> None:
        """Send scores and cost, say how the run ended, and send its files."""
        run_id, cost = self._info["run_id"], self._folder.cost
        values = {**scores_of(self._folder), **{name: cost[name] for name in COSTS if name in cost}}
        ended = _ms(start_time(self._folder) + cost.get("train_seconds", 0.0))
        about = {"timestamp": ended, "step": cost.get("steps", 0)}
        self._server.log_metrics(
            run_id, [{"key": key, "value": value, **about} for key, value in values.items()]
        )
        self._server.update_run(run_id, STATUS[ending.state], end_ms=ended if cost else None)
        place = self._info["artifact_uri"]
        for name, path in ending.files.items():
            self._server.upload(place, name, path.read_bytes())
        for name, png in ending.pictures.items():
            self._server.upload(place, f"{name}.png", png)

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _create(self) -> dict[str, Any]:
        experiment_id = self._server.experiment_id(self._experiment)
        start_ms = _ms(start_time(self._folder))
        name = self._folder.name
        info = self._server.create_run(experiment_id, name, start_ms=start_ms, tags=_tags(self._folder))
        ids = {**_read_ids(self._folder), self._server.address: info["run_id"]}
        write_json(self._folder.path / IDS_FILE, ids)
        return info

    def _begin_another(self) -> None:
        """Show the run anew; the one that has other figures says where."""
        old = self._info["run_id"]
        self._info = self._create()
        self._num_shown, self._there = 0, {}
        self._server.log_params(self._info["run_id"], _params(self._folder))
        self._server.set_tag(old, "superseded_by", self._info["run_id"])
        self._server.update_run(old, STATUS["stopped"])


def _key(line: dict[str, Any]) -> tuple[str, int]:
    return f"loss/{line['split']}", line["step"]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _params(folder: RunFolder) -> dict[str, str]:
    """Return every setting by its dotted name; those that are not set are left out."""

    def flat(values: dict[str, Any], prefix: str) -> dict[str, str]:
        found = {}
        for name, value in values.items():
            if isinstance(value, dict):
                found |= flat(value, f"{prefix}{name}.")
            elif value is not None and value != "":
                found[f"{prefix}{name}"] = str(value)[:MAX_VALUE]
        return found

    return flat(folder.config.model_dump(mode="json"), "")


def _tags(folder: RunFolder) -> dict[str, str]:
    config, environment = folder.config, folder.environment
    commit = environment.get("commit", "")
    tags = {
        "network": config.model.name,
        "recipe": config.recipe,
        "data": config.data.name,
        "seed": str(config.seed),
        "commit": commit,
        "mlflow.source.name": "cnnlab",
        "mlflow.source.git.commit": commit.removesuffix("+"),
    }
    return {key: value for key, value in tags.items() if value}


def _read_ids(folder: RunFolder) -> dict[str, str]:
    path = folder.path / IDS_FILE
    try:
        ids = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: damaged: {error}. Remove it to show the run anew.") from None
    if not isinstance(ids, dict) or not all(isinstance(run_id, str) for run_id in ids.values()):
        raise RunError(f"{path}: damaged: is no table of ids. Remove it to show the run anew.")
    return ids
