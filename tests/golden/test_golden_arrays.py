"""The stored arrays: small, and what TensorFlow gives today, where it is installed."""

import hashlib
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from drawn import bell, uniform

from cnnlab import machine

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent


def test_they_are_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.glob("*.npz")) < 300_000


def test_inputs_are_drawn_alike_everywhere() -> None:
    # The first number worked in whole numbers of Python's, which never wrap around by themselves
    mask = 2**64 - 1
    z = (int.from_bytes(hashlib.sha256(b"a name").digest()[:8], "little") + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    z ^= z >> 31
    assert uniform("a name", 3)[0] == (z >> 40) / 2**24
    parts = sum((z >> shift) & 0xFFFF for shift in (0, 16, 32, 48))
    assert bell("a name", 3)[0] == pytest.approx((parts - 131_070) / 37_837.2, rel=1e-5)


def test_inputs_have_the_scale_they_claim() -> None:
    flat, bells = uniform("u", 100_000), bell("b", 100_000)
    assert flat.min() >= 0 and flat.max() < 1 and flat.mean() == pytest.approx(0.5, abs=0.005)
    assert bells.mean() == pytest.approx(0, abs=0.02) and bells.std() == pytest.approx(1, abs=0.01)
    assert abs(bells).max() < 3.47 and len(np.unique(bells)) > 40_000
    assert abs(np.corrcoef(bells[1:], bells[:-1])[0, 1]) < 0.02
    assert abs(np.corrcoef(bells, bell("c", 100_000))[0, 1]) < 0.02


@pytest.mark.tensorflow
def test_they_are_what_tensorflow_gives_today(tmp_path: Path) -> None:
    variable = machine.TENSORFLOW_VARIABLE
    given = os.environ.get(variable)
    python = Path(given) if given else ROOT / ".venv-tensorflow" / "bin" / "python"
    if not python.exists():
        pytest.skip(
            f"needs TensorFlow at {python}: run `make golden`, or set {variable} to a Python that has it"
        )
    command = [str(python), str(ROOT / "scripts" / "golden_tensorflow.py"), "--out", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    names = sorted(file.name for file in FOLDER.glob("*.npz"))
    assert names == sorted(file.name for file in tmp_path.glob("*.npz"))
    for name in names:
        with np.load(FOLDER / name) as stored, np.load(tmp_path / name) as fresh:
            assert set(stored) == set(fresh), name
            for key in stored:
                # Other processors add in another order
                scale = np.abs(stored[key]).max()
                np.testing.assert_allclose(fresh[key], stored[key], rtol=0, atol=1e-5 * scale, err_msg=key)
