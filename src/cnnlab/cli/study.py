"""`cnnlab study`: list the studies, or run one."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import command_line, print_json, print_line, print_table, say
from cnnlab.errors import ConfigError


def study(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A study; all are listed without.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Cut every run short: minutes, and no figure to compare.")
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(help="Runs of each kind: seeds 0 to K - 1; the study's number if not given.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="This part of the study, such as C2 of origins; may be repeated."),
    ] = None,
    data_root: options.DataRoot = None,
    device: options.Device = None,
    threads: options.Threads = None,
    jobs: options.Jobs = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="<path>",
            help="Folder of run folders; runs/study-NAME if not given.",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            parser=options.parse_path,
            metavar="<path>",
            help="Folder for NAME.json and NAME.md (NAME-quick, or NAME-part with --only); else OUT.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the studies, or run one: a claim, tested again. After Ctrl-C the same command goes on."""
    from cnnlab.studies import get_study, list_studies, run_study, write_report

    if name is None:
        is_given = {
            "--quick": quick,
            "--seeds": seeds is not None,
            "--only": bool(only),
            "--data-root": data_root is not None,
            "--device": device is not None,
            "--threads": threads is not None,
            "--jobs": jobs != 1,
            "--out": out is not None,
            "--save": save is not None,
        }
        if of_a_run := [option for option, given in is_given.items() if given]:
            raise ConfigError(f"{of_a_run[0]}: name a study; `cnnlab study` lists them.")
        studies = list_studies()
        if as_json:
            print_json([{"name": each.name, "title": each.title, "claim": each.claim} for each in studies])
        else:
            print_table(("study", "what it is"), [(each.name, each.title) for each in studies])
        return
    chosen = get_study(name)
    out = out or Path("runs") / f"study-{name}"
    options.make_folder(save or out, "--save" if save else "--out")
    report = run_study(
        chosen,
        quick=quick,
        seeds=seeds,
        only=only or (),
        out=out,
        command=command_line(),
        jobs=jobs,
        say=say,
        root=data_root,
        device=device,
        threads=threads,
    )
    # Printed first: what came out of hours is not to be lost with a disk.
    if as_json:
        print_json(report.as_dict())
    else:
        print(report.to_text(), end="")
    paths = write_report(save or out, report)
    if not as_json:
        print_line(f"Saved: {', '.join(map(str, paths))}; runs: {out}")
