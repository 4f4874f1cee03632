"""`cnnlab explain`."""

from pathlib import Path
from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_line, print_table, say


def explain(
    run: options.Run,
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE]...", help="Images, folders, or patterns.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", parser=options.parse_path, metavar="<path>", help="Folder; else RUN/explain."),
    ] = None,
    method: Annotated[str, typer.Option(help="Of the map of images: pca or tsne.")] = "pca",
    lang: Annotated[str, typer.Option(help="Of the page and its pictures: en or zh.")] = "en",
    data_root: options.DataRoot = None,
    as_json: options.Json = False,
) -> None:
    """Draw what a network has learned, and which pixels its answers rest on.

    Without images: some of the test images, the surest mistakes first.
    """
    from cnnlab import lab
    from cnnlab.reporting import shown_prob

    if out is not None:
        options.make_folder(out, "--out")
    result = lab.explain(run, sources or (), out=out, method=method, lang=lang, root=data_root, warn=say)
    if as_json:
        print_json(result)
        return
    rows = [
        (image["name"], image["label"], shown_prob(image["prob"], digits=2), image["true"] or "")
        for image in result["images"]
    ]
    print_table(("image", "answer", "sure", "true"), rows, right=(2,))
    print_line(f"Saved: {result['out']}: {len(result['files'])} files; open {result['files'][0]}")
