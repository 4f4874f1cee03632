"""`cnnlab data`: list the data sets, check one."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_line, print_table, say

if TYPE_CHECKING:
    from cnnlab.data import DataReport

app = typer.Typer(help="List the data sets, or check one.", invoke_without_command=True)

NUM_SHOWN = 10
CHECK_FELL_SHORT = 1


@app.callback()
def list_all(
    context: typer.Context, data_root: options.DataRoot = None, as_json: options.Json = False
) -> None:
    """List the data sets, or check one."""
    if context.invoked_subcommand is not None:
        return
    from cnnlab.data import list_datasets

    listings = list_datasets(root=data_root)
    if as_json:
        print_json(
            [
                {
                    "name": listing.info.name,
                    "description": listing.info.description,
                    "shape": list(listing.info.shape),
                    "num_train": listing.info.num_train,
                    "num_val": listing.info.num_val,
                    "num_test": listing.info.num_test,
                    "class_names": list(listing.info.class_names),
                    "licence": listing.info.licence,
                    "source": listing.info.source,
                    "place": listing.place,
                }
                for listing in listings
            ]
        )
        return
    rows = [
        (
            listing.info.name,
            listing.info.description,
            "x".join(map(str, listing.info.shape)),
            f"{listing.info.num_train:,}",
            f"{listing.info.num_val:,}",
            f"{listing.info.num_test:,}",
            listing.place or "is downloaded when first used",
        )
        for listing in listings
    ]
    print_table(("data set", "what it is", "images", "train", "val", "test", "where"), rows, right=(3, 4, 5))
    print("\nAlso a folder of class folders (./flowers), and synthetic:CxHxWxN for benchmarks.")


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FOLDER", help="A data set or a folder of class folders.")
    ],
    data_root: options.DataRoot = None,
    as_json: options.Json = False,
) -> None:
    """Read everything; report counts, damage, duplicates and leakage.

    Exit code 1 if a file is damaged, or is not the published one.
    """
    from cnnlab.data import check_data

    report = check_data(name, root=data_root, warn=say)
    if as_json:
        print_json(_as_json(report))
    else:
        _print_report(report)
    if report.unreadable or report.altered:
        raise typer.Exit(CHECK_FELL_SHORT)


def _as_json(report: "DataReport") -> dict[str, Any]:
    return {
        "name": report.name,
        "counts": {
            split: dict(zip(report.class_names, n, strict=True)) for split, n in report.counts.items()
        },
        "unreadable": [{"file": file, "why": why} for file, why in report.unreadable],
        "altered": list(report.altered),
        "duplicate_pairs": {split: report.num_duplicate_pairs(split) for split in report.counts},
        "duplicates": {
            split: [list(group) for group in groups] for split, groups in report.duplicates.items()
        },
        "in_several_splits": [
            {split: list(group) for split, group in item.items()} for item in report.shared
        ],
    }


def _print_report(report: "DataReport") -> None:
    splits = list(report.counts)
    rows = [
        (name, *(f"{report.counts[split][index]:,}" for split in splits))
        for index, name in enumerate(report.class_names)
    ]
    rows.append(("total", *(f"{report.num_images(split):,}" for split in splits)))
    print_table(("class", *splits), rows, right=range(1, len(splits) + 1))
    print(f"\nunreadable files: {len(report.unreadable)}")
    for _, why in report.unreadable[:NUM_SHOWN]:
        print_line(f"  {why}")
    _print_rest(len(report.unreadable))
    for path in report.altered:
        print_line(f"not the published file: {path}")
    for split in splits:
        print(f"duplicate pairs in {split}: {report.num_duplicate_pairs(split)}")
        for group in report.duplicates[split][:NUM_SHOWN]:
            print_line(f"  {' = '.join(map(str, group))}")
        _print_rest(len(report.duplicates[split]))
    if len(splits) > 1:
        print(f"images in more than one split: {len(report.shared)}")
        for places in report.shared[:NUM_SHOWN]:
            same = (f"{split} {place}" for split, group in places.items() for place in group)
            print_line(f"  {' = '.join(same)}")
        _print_rest(len(report.shared))


def _print_rest(number: int) -> None:
    if number > NUM_SHOWN:
        print(f"  ... and {number - NUM_SHOWN} more (--json lists all)")
