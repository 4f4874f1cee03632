"""From a finished run to what its exported files say of themselves."""

from pathlib import Path

from cnnlab.evaluation import Run
from cnnlab.export.description import ExportDescription
from cnnlab.export.weights_sum import read_weights_sum


def describe_run(run: Run, *, precision: str = "float32") -> ExportDescription:
    """Return the description of a run's network; `precision` is that of the exported weights.

    A folder of images, or a file with a recipe, is named without what lies around it: exports are handed out.
    """
    network = {key: value for key, value in run.description["network"].items()}
    trained_on = {
        key: (Path(value).name or Path(value).resolve().name) if isinstance(value, str) else value
        for key, value in run.description.get("trained_on", {}).items()
    }
    weights = read_weights_sum(run.folder.weights)
    return ExportDescription(network, run.class_names, run.preparation, trained_on, precision, weights)
