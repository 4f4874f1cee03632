"""`cnnlab models`: list the networks, show one layer by layer."""

from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_table, say
from cnnlab.errors import did_you_mean

app = typer.Typer(help="List the networks, or show one layer by layer.", invoke_without_command=True)


@app.callback()
def list_all(
    context: typer.Context,
    pattern: Annotated[str, typer.Option(help="Only names like this, such as 'resnet*'.")] = "*",
    as_json: options.Json = False,
) -> None:
    """List the networks, or show one layer by layer."""
    if context.invoked_subcommand is not None:
        return
    import torch

    from cnnlab.models import create_model, list_models, model_info

    infos = [model_info(name) for name in list_models(pattern)]
    with torch.device("meta"):  # counted without being filled: all of them hold gigabytes
        sizes = [sum(weight.numel() for weight in create_model(info.name).parameters()) for info in infos]
    if as_json:
        print_json(
            [
                {
                    "name": info.name,
                    "year": info.year,
                    "paper": info.paper,
                    "source": info.source,
                    "summary": info.summary,
                    "image_size": info.image_size,
                    "in_channels": info.in_channels,
                    "parameters": size,
                    "arguments": dict(info.arguments),
                }
                for info, size in zip(infos, sizes, strict=True)
            ]
        )
        return
    if not infos:
        say(f"No network has a name like {pattern!r}. {did_you_mean(pattern, list_models())}")
        return
    rows = [
        (
            info.name,
            str(info.year),
            f"{info.in_channels}x{info.image_size}x{info.image_size}",
            f"{size:,}",
            info.source,
        )
        for info, size in zip(infos, sizes, strict=True)
    ]
    print_table(("network", "year", "images", "parameters", "what it is"), rows, right=(1, 3))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A network.")],
    image_size: Annotated[int | None, typer.Option(min=1, help="Height and width of the images.")] = None,
    in_channels: Annotated[int | None, typer.Option(min=1, help="1 for grey, 3 for colour.")] = None,
    num_classes: Annotated[int | None, typer.Option(min=1, help="Number of classes.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="ARGUMENT=VALUE", help="A constructor argument.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print a network's layers: output shape, parameters and multiply-adds (MACs; 1 MAC = 2 FLOPs)."""
    from cnnlab.models import layers_of, model_info

    info = model_info(name)
    arguments = options.parse_settings(settings)
    table = layers_of(
        name, arguments, in_channels=in_channels, num_classes=num_classes, image_size=image_size
    )
    if as_json:
        layers = [
            {
                "name": row.name,
                "kind": row.kind,
                "output_shape": list(row.output_shape),
                "parameters": row.parameters,
                "macs": row.macs,
            }
            for row in table.rows
        ]
        print_json(
            {
                "name": name,
                "layers": layers,
                "parameters": table.parameters,
                "training_parameters": table.training_parameters,
                "macs": table.macs,
            }
        )
        return
    defaults = "  ".join(f"{key}={value}" for key, value in {**info.arguments, **arguments}.items())
    print(f"{name}: {info.source} ({info.year}{', ' + info.paper if info.paper else ''})\n{info.summary}")
    print(f"arguments: {defaults or 'none'}\n")
    rows = [
        (
            row.name,
            row.kind,
            " x ".join(map(str, row.output_shape)),
            row.tutorial_shape,
            f"{row.parameters:,}" if row.parameters else "",
            f"{row.macs:,}" if row.macs else "",
        )
        for row in table.rows
    ]
    if table.training_parameters:
        rows.append(("auxiliary heads", "in training only", "", "", f"{table.training_parameters:,}", ""))
    rows.append(("total", "", "", "", f"{table.parameters:,}", f"{table.macs:,}"))
    print_table(
        ("layer", "kind", "output", "as TensorFlow prints it", "parameters", "MACs"), rows, right=(4, 5)
    )
