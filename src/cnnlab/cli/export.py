"""`cnnlab export`."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_line, print_table, say

if TYPE_CHECKING:
    from cnnlab.export.exporter import ExportRow


def export(
    runs: Annotated[
        list[Path], typer.Argument(parser=options.parse_path, metavar="RUN...", help="Run folders.")
    ],
    formats: Annotated[
        str, typer.Option("--format", help="onnx, pt2, savedmodel, litert or web; several with commas.")
    ] = "onnx",
    int8: Annotated[
        bool, typer.Option("--int8", help="An ONNX file in int8 too, calibrated on training images.")
    ] = False,
    allow_drop: Annotated[
        bool, typer.Option("--allow-drop", help="Let int8 cost more than half a point of accuracy.")
    ] = False,
    gallery: Annotated[
        bool,
        typer.Option("--gallery", help="Some test images beside the ONNX file, to start from on the page."),
    ] = False,
    out: Annotated[
        Path, typer.Option("--out", parser=options.parse_path, metavar="<path>", help="Folder for the files.")
    ] = Path("exports"),
    data_root: options.DataRoot = None,
    threads: options.Threads = None,
    as_json: options.Json = False,
) -> None:
    """Write finished runs as files for other systems, each proven to answer as its run does.

    web is a folder: the page to draw on with all these networks in it, for any host of files.

    A file is used on 1,000 test images before it gets its name: logits within 1e-4 of the network's, or 2e-6
    of the largest where that is above 50, and the same labels. What does not pass leaves no file, and the
    exit code is 1.
    """
    from cnnlab import lab, machine
    from cnnlab.source import source_and_day

    options.make_folder(out, "--out")
    result = lab.export(
        runs,
        [name.strip() for name in formats.split(",")],
        int8=int8,
        allow_drop=allow_drop,
        gallery=gallery,
        out=out,
        root=data_root,
        threads=threads,
        warn=say,
    )
    if as_json:
        print_json(
            {
                "threads": result.threads,
                "cpu": machine.cpu_name(),
                **source_and_day(),
                "exports": [row.as_dict() for row in result.rows],
                "failed": [vars(failure) for failure in result.failures],
                "networks": [row.as_dict() for row in result.references],
            }
        )
    else:
        for reference in result.references:
            rows = [row for row in result.rows if row.run == reference.run]
            print_line(
                f"{reference.run}: {reference.network}, top1 on {reference.num_images:,} test images, "
                f"{result.threads} thread{'s' * (result.threads > 1)}; * is the best"
            )
            print()
            _print_rows([reference, *rows])
    for problem in result.problems:
        say(problem)
    if result.problems:
        raise typer.Exit(1)


def _print_rows(rows: "list[ExportRow]") -> None:
    """Print what one network is in each form; the best of each column has a star."""
    columns = (
        ([row.num_bytes for row in rows], min, lambda value: f"{value / 1e6:.2f} MB"),
        ([row.timing.latency_1 for row in rows], min, lambda value: f"{1e3 * value:.2f} ms"),
        ([row.timing.latency_32 for row in rows], min, lambda value: f"{1e3 * value:.1f} ms"),
        ([row.timing.throughput for row in rows], max, lambda value: f"{value:,.0f}"),
        ([row.top1 for row in rows], max, lambda value: f"{value:.2%}"),
    )
    there = [row.path is not None or row.form == "run" for row in rows]
    cells = []
    for values, best, shown in columns:
        mark = best(itertools.compress(values, there))
        cells.append(
            [
                f"{shown(value)}{'*' if is_there and value == mark else ' '}"
                for value, is_there in zip(values, there, strict=True)
            ]
        )
    lines = [
        (
            row.form if there[place] else f"{row.form}, refused",
            *(column[place] for column in cells),
            "" if row.largest_difference is None else f"{row.largest_difference:.1e}",
            str(row.path or ""),
        )
        for place, row in enumerate(rows)
    ]
    header = ("form", "size ", "1 image ", "32 images ", "images/s ", "top1 ", "logits differ", "file")
    print_table(header, lines, right=(1, 2, 3, 4, 5, 6))
    for row in rows:
        if row.drop is not None:
            points = f"{0.0 - 100 * row.drop:+.2f} points"  # not -0.00
            print_line(f"{row.form}: {points} of accuracy on {row.num_drop_images:,} test images")
    print()
