"""cnnlab: a laboratory for classic convolutional networks.

The verbs of the command line, under the same names::

    import cnnlab

    run = cnnlab.train("lenet5", data="mnist", epochs=5)
    cnnlab.evaluate(run)
    cnnlab.compare(["alexnet_mnist3", "resnet20"], data="mnist", seeds=3)

Everything is imported on first use: `import cnnlab` does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlab.config import RunConfig
    from cnnlab.data import load_data
    from cnnlab.errors import CnnlabError
    from cnnlab.evaluation import load_run
    from cnnlab.export import load_export
    from cnnlab.lab import compare, evaluate, lr_find, predict, resume, train
    from cnnlab.models import create_model, list_models

_HOMES = {
    "CnnlabError": "cnnlab.errors",
    "RunConfig": "cnnlab.config",
    "compare": "cnnlab.lab",
    "create_model": "cnnlab.models",
    "evaluate": "cnnlab.lab",
    "list_models": "cnnlab.models",
    "load_data": "cnnlab.data",
    "load_export": "cnnlab.export",
    "load_run": "cnnlab.evaluation",
    "lr_find": "cnnlab.lab",
    "predict": "cnnlab.lab",
    "resume": "cnnlab.lab",
    "train": "cnnlab.lab",
}

__version__ = "0.1.0"
__all__ = [
    "CnnlabError",
    "RunConfig",
    "compare",
    "create_model",
    "evaluate",
    "list_models",
    "load_data",
    "load_export",
    "load_run",
    "lr_find",
    "predict",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cnnlab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
