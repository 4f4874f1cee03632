"""Programs of others as peers, each a process that is started anew in every round.

A program is a Python file that takes `--networks NAME --precisions float32|bf16 --batch N --steps N` and
prints a JSON object with the fields `peer`, `network`, `precision` and `images_per_s` for it; or one that
takes `--seeds N` and prints, for each seed, `peer`, `train_seconds` and `top1` in percent.
"""

import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from cnnlab import machine
from cnnlab.bench.peers import Peer, PlainPeer, Step
from cnnlab.errors import ConfigError, MissingResourceError
from cnnlab.models import model_info
from cnnlab.training import Precision

PLAIN = "plain"
"""The name of plain PyTorch in this process."""

TIME_LIMIT = 1800.0
"""Seconds after which a program is ended."""

LONGEST_WORDS = 400
"""Characters of a failed program's last line that are shown."""

SLOWEST, FASTEST = 1e-6, 1e12
"""Images a second: what is beyond is no measurement."""

FORMS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("a3-lrn", "alexnet_mnist3", {}),
    ("a3", "alexnet_mnist3", {"lrn": False}),
    ("a5", "alexnet_mnist5", {}),
    ("resnet20", "resnet20", {}),
    ("lenet5", "lenet5", {"activation": "relu", "pool": "max"}),
    ("alexnet", "alexnet", {}),
    ("googlenet_small", "googlenet_small", {}),
)
"""What programs call a network of these arguments; each takes images of the network's own size."""

FREE_ARGS = {"init"}
"""Arguments of networks that change nothing about the work."""


def make_peers(names: Sequence[str], network: nn.Module, step: Step) -> list[Peer]:
    """Return the peers of these names, each in float32 and, where the machine is fast at it, in bf16.

    Args:
        names: `plain` for PyTorch in this process, or a program's path.
        network: cnnlab's, with its weights.
        step: what is to be done.

    Raises:
        ConfigError: programs do not have this network in this form.
        MissingResourceError: there is no such program.
    """
    check_names(names)
    fast_bf16 = step.execution.device == "cuda" or machine.has_fast_bf16()
    precisions: list[Precision] = ["float32", "bf16"] if fast_bf16 else ["float32"]
    return [
        PlainPeer(network, step, precision)
        if name == PLAIN
        else ProgramPeer(find_program(name), step, precision)
        for name in names
        for precision in precisions
    ]


class ProgramPeer:
    """Another program's step; it is started anew in each round, and its own warm-up is not counted."""

    def __init__(self, program: Path, step: Step, precision: Precision) -> None:
        self._network = _program_network(step)
        self.name = f"{program.stem} {precision}"
        self._program, self._step, self._precision = program, step, precision

    def seconds_of_step(self, num_steps: int) -> float:
        """As `Peer`.

        Raises:
            ConfigError: the program failed or printed no figure.
        """
        batch_size = self._step.shape[0]
        options = ["--networks", self._network, "--precisions", self._precision]
        options += ["--batch", str(batch_size), "--steps", str(num_steps)]
        rows = run_program(self._program, options, threads=self._step.execution.threads)
        for row in rows:
            if (row.get("network"), row.get("precision")) == (self._network, self._precision):
                rate = as_figure(row.get("images_per_s"))
                if rate is not None and SLOWEST <= rate <= FASTEST:
                    return batch_size / rate
        raise ConfigError(
            f"--peers: {self._program} printed no images_per_s of {self._network} in {self._precision}, "
            f"a number from {SLOWEST:g} to {FASTEST:g}."
        )


def check_names(names: Sequence[str]) -> None:
    """Refuse two peers that a table would call the same; raises ConfigError."""
    stems = [Path(name).stem for name in names]
    for stem in stems:
        if stems.count(stem) > 1:
            raise ConfigError(
                f"--peers: two would be called {stem!r}; give each once. Received: {', '.join(names)}."
            )


def find_program(name: str) -> Path:
    """Return the path of a peer's program; raises MissingResourceError if there is none."""
    path = Path(os.path.expanduser(name))
    try:
        is_file, is_folder = path.is_file(), path.is_dir() and name != ""
    except OSError:  # a name that no file can have
        is_file = is_folder = False
    if not is_file:
        what = "This is a folder" if is_folder else "There is no such file"
        raise MissingResourceError(f"--peers: must be the file of a program. {what}: {name or repr(name)}.")
    return path


def run_program(program: Path, options: Sequence[str], *, threads: int) -> list[dict[str, Any]]:
    """Run a peer's program to its end, and return the JSON objects that it printed.

    Raises:
        ConfigError: it failed, ran past `TIME_LIMIT`, or printed no object.
        MissingResourceError: it needs TensorFlow, and no environment has it.
    """
    command = [_python_for(program), str(program), *options]
    count = str(threads)
    counts = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), count)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT,
            env={**os.environ, **counts},
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"--peers: {program} took more than {TIME_LIMIT:.0f} s and was ended.") from None
    if done.returncode:
        words = (done.stderr.strip() or "it gave no message.").splitlines()[-1][-LONGEST_WORDS:]
        how = f"failed with exit code {done.returncode}"
        if done.returncode < 0:
            how = f"was ended by {_signal_name(-done.returncode)}"
        raise ConfigError(f"--peers: {program} {' '.join(options)} {how}: {words}")
    rows = [_parsed(line) for line in done.stdout.splitlines()]
    if not any(rows):
        raise ConfigError(f"--peers: {program} printed no JSON object; see the help of --peers.")
    return [row for row in rows if row]


def _program_network(step: Step) -> str:
    """Return what programs call this network."""
    info = model_info(step.name)
    args = {name: value for name, value in step.args.items() if name not in FREE_ARGS}
    wanted = {**info.arguments, **step.args}
    names = [
        name
        for name, network, its_args in FORMS
        if network == step.name
        and all({**info.arguments, **its_args}[arg] == wanted[arg] for arg in wanted.keys() - FREE_ARGS)
    ]
    size = step.shape[-1]
    if not names or (step.shape[1], size, step.num_classes) != (info.in_channels, info.image_size, 10):
        raise ConfigError(
            f"--peers: programs have some networks in one form, for images of their own size and 10 classes, "
            f"see `cnnlab.bench.programs.FORMS`. Received: {step.name} with arguments {args or 'none'}, for "
            f"{step.shape[1]} x {size} x {size} and {step.num_classes} classes. Compare with '{PLAIN}'."
        )
    if step.execution.device != "cpu":
        raise ConfigError(f"--peers: programs compute on the CPU. Received: {step.execution.device}.")
    return names[0]


def _python_for(program: Path) -> str:
    """Return the Python to run it with; TensorFlow has an environment of its own."""
    text = program.read_text(encoding="utf-8", errors="replace")
    if not re.search(r"^\s*(import|from) tensorflow\b", text, re.MULTILINE):
        return sys.executable
    return str(machine.needed_tensorflow_python(f"--peers: {program}"))


def as_figure(value: object) -> float | None:
    """Return a number that a program printed; None for what is no number, or no finite one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        figure = float(value)
    except OverflowError:
        return None
    return figure if math.isfinite(figure) else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
