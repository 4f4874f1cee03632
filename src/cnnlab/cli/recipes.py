"""`cnnlab recipes`: list them, show one."""

from typing import Annotated

import typer

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_table

app = typer.Typer(help="List the recipes, or show one.", invoke_without_command=True)


@app.callback()
def list_all(context: typer.Context, as_json: options.Json = False) -> None:
    """List the recipes, or show one."""
    if context.invoked_subcommand is not None:
        return
    from cnnlab.recipes import list_recipes, recipe_title

    rows = [(name, recipe_title(name)) for name in list_recipes()]
    if as_json:
        print_json([{"name": name, "title": title} for name, title in rows])
    else:
        print_table(("recipe", "what it is"), rows)


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="NAME", help="A recipe.")]) -> None:
    """Print a recipe as TOML, to be edited and passed back to `cnnlab train FILE.toml`."""
    from cnnlab.recipes import recipe_text

    print(recipe_text(name), end="")
