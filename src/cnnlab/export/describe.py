"""From a finished run to what its exported files say of themselves."""

from pathlib import Path

from cnnlab.evaluation import Run
from cnnlab.export.description import ExportDescription


def describe_run(run: Run, *, precision: str = "float32") -> ExportDescription:
    """Return the description of a run's network; `precision` is that of the exported weights.

    A folder of images, or a file with a recipe, is named without what lies around it: exports are handed out.
    """
    network = {key: value for key, value in run.description["network"].items()}
    trained_on = {
        key: Path(value).name if isinstance(value, str) else value
        for key, value in run.description.get("trained_on", {}).items()
    }
    return ExportDescription(network, run.class_names, run.preparation, trained_on, precision)
