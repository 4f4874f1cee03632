"""Which runs of a report are one network."""

from collections.abc import Sequence
from pathlib import Path

from cnnlab.errors import RunError
from cnnlab.runs import RunFolder


def by_network(folders: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    """Return runs that differ in the seed alone together, by a name that no other group has."""
    by_settings: dict[str, list[RunFolder]] = {}
    for folder in folders:
        key = folder.config.with_changes({"seed": 0}, source="report").to_toml()
        by_settings.setdefault(key, []).append(folder)
    groups: dict[str, list[RunFolder]] = {}
    for group in by_settings.values():
        config = group[0].config
        base = name = (config.recipe or config.model.name).removesuffix(f"-{Path(config.data.name).name}")
        number = 2
        while name in groups:
            name, number = f"{base} ({number})", number + 1
        by_seed = {folder.config.seed: folder for folder in group}
        if len(by_seed) < len(group):
            twice = next(folder for folder in group if by_seed[folder.config.seed] is not folder)
            raise RunError(
                f"{twice.path}: another run of the same settings and seed was given too. Leave one out."
            )
        groups[name] = [by_seed[seed] for seed in sorted(by_seed)]
    return groups
