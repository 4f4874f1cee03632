"""From a finished run to what its exported files say of themselves."""

from cnnlab.evaluation import Run
from cnnlab.export.description import ExportDescription


def describe_run(run: Run, *, precision: str = "float32") -> ExportDescription:
    """Return the description of a run's network; `precision` is that of the exported weights."""
    network = {key: value for key, value in run.description["network"].items()}
    trained_on = dict(run.description.get("trained_on", {}))
    return ExportDescription(network, run.class_names, run.preparation, trained_on, precision)
