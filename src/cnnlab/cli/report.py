"""`cnnlab report`."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import command_line, print_json, print_line, say


def report(
    runs: Annotated[
        list[Path], typer.Argument(parser=options.parse_path, metavar="RUN...", help="Run folders.")
    ],
    out: Annotated[
        Path, typer.Option("--out", parser=options.parse_path, metavar="<path>", help="Folder for the files.")
    ] = Path("report"),
    lang: Annotated[str, typer.Option(help="en or zh; both with a comma.")] = "en",
    formats: Annotated[
        str, typer.Option("--format", help="html, pdf, pptx or md; several with commas.")
    ] = "html",
    title: Annotated[
        str, typer.Option(help="Of the report; made of its networks and data if not given.")
    ] = "",
    course: Annotated[str, typer.Option(help="For which it is written.")] = "",
    author: Annotated[str, typer.Option(help="Who writes it.")] = "",
    date: Annotated[str, typer.Option(help="When; today if not given.")] = "",
    data_root: options.DataRoot = None,
    as_json: options.Json = False,
) -> None:
    """Write a report of finished runs: a page, slides, PDF or Markdown, in English or Chinese.

    Runs that differ in the seed alone are one network; the others are compared with the first.
    """
    from cnnlab import lab

    options.make_folder(out, "--out")
    paths = lab.report(
        runs,
        out=out,
        lang=[name.strip() for name in lang.split(",")],
        formats=[name.strip() for name in formats.split(",")],
        title=title,
        course=course,
        author=author,
        date=date,
        root=data_root,
        command=command_line(),
        warn=say,
    )
    if as_json:
        print_json([str(path) for path in paths])
    else:
        print_line(f"Saved: {', '.join(map(str, paths))}")
