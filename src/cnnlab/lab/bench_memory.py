"""The memory that training a network takes: of a process of its own, which has done nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError

ROUNDS, STEPS = "2", "2"
"""Enough for a step after which nothing new is asked for."""


def memory_of_training(title: str, config: RunConfig) -> int:
    """Return the most bytes that a process holds which trains a network for some steps; 0 if not known.

    Args:
        title: what messages call it.
        config: the run.

    Raises:
        ConfigError: the process failed.
    """
    with TemporaryDirectory(prefix="cnnlab-") as folder:
        file = Path(folder) / "config.toml"
        file.write_text(config.to_toml(), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "cnnlab", "bench", "train", str(file), "--json"]
        command += ["--rounds", ROUNDS, "--steps", STEPS]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        reason = (done.stderr.strip() or "it gave no message").splitlines()[-1]
        raise ConfigError(f"--memory: {title}: its process ended with exit code {done.returncode}: {reason}")
    return int(json.loads(done.stdout)[0]["process_peak_bytes"])
