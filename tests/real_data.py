"""Where tests find the published data sets; none of them is ever downloaded for a test."""

import os
from pathlib import Path

import pytest

VARIABLE = "CNNLAB_TEST_DATA"


def find_real_data(*names: str) -> Path:
    """Return the folder that has all of these data sets as they are published; skip the test if it lacks one.

    It is CNNLAB_TEST_DATA, else ../shared/data beside the repository.
    """
    from cnnlab.data import DATASETS

    given = os.environ.get(VARIABLE)
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    for name in names:
        lacking: list[str] = []
        for file_set in DATASETS[name].file_sets:
            place = folder / file_set.folders[0]
            missing = [file.name for file in file_set.files if not (place / file.name).is_file()]
            if not missing:
                break
            lacking.append(f"{', '.join(missing)} in {file_set.folders[0]}/")
        else:
            where = f"of {VARIABLE}={given}" if given else f"of ../shared/data; or set {VARIABLE}"
            pytest.skip(f"needs {name}: {' or '.join(lacking)} {where}")
    return folder
