"""Named runs, one TOML file each: source, command, expected accuracy and cost stand in its header."""

from pathlib import Path

from cnnlab.config import RunConfig
from cnnlab.errors import ConfigError, did_you_mean

FOLDER = Path(__file__).parent


def list_recipes() -> list[str]:
    """Return the names of all recipes."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def recipe_text(name: str) -> str:
    """Return a recipe's TOML, header included.

    Raises:
        ConfigError: there is no recipe of this name.
    """
    if name not in list_recipes():
        raise ConfigError(f"There is no recipe called {name!r}. {did_you_mean(name, list_recipes())}")
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def recipe_title(name: str) -> str:
    """Return the first line of a recipe's header."""
    return recipe_text(name).partition("\n")[0].removeprefix("# ")


def load_recipe(name: str) -> RunConfig:
    """Return a recipe's settings.

    Raises:
        ConfigError: there is no recipe of this name.
    """
    return RunConfig.from_toml(recipe_text(name), source=f"recipe {name}").with_changes({"recipe": name})
