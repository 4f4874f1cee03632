"""What `import cnnlab` offers is a promise: a change here is a change for users, and is in the changelog."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import cnnlab

NAMES = [
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


def test_exported_names_are_frozen():
    assert cnnlab.__all__ == NAMES
    assert sorted(dir(cnnlab)) == sorted([*NAMES, "__version__"])


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there_and_documented(name):
    assert getattr(cnnlab, name).__doc__


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        cnnlab.trian  # noqa: B018 # the attribute access is what is tested


def test_version_is_that_of_the_package():
    assert cnnlab.__version__ == version("cnnlab")


def test_import_is_light():
    code = "import sys, cnnlab; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_import_is_quick():
    """Less than 0.1 s of the processor, beside what Python itself takes."""
    code = "import time; start = time.process_time(); import cnnlab; print(time.process_time() - start)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.1
