"""`cnnlab runs`."""

from pathlib import Path

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_table, say
from cnnlab.errors import ConfigError


def runs(out: options.Out = Path("runs"), as_json: options.Json = False) -> None:
    """List the runs and how far they came."""
    from cnnlab.runs import list_runs

    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out: must be a folder. Received: {out}, a file.")
    found = list_runs(out)
    if as_json:
        print_json(
            [
                {"run": str(run.path), "state": run.state, "step": run.step, "test_top1": run.top1}
                for run in found
            ]
        )
        return
    if not found:
        say(f"There are no runs in {out}/. Make one with `cnnlab train NAME`, or name a folder with --out.")
        return
    rows = [
        (str(run.path), run.state, str(run.step), "" if run.top1 is None else f"{run.top1:.2%}")
        for run in found
    ]
    print_table(("run", "state", "step", "test top1"), rows, right=(2, 3))
