"""Sources by numbers, in the order in which a report first names them."""

from cnnlab.reporting.report.architectures import reference


class Citations:
    """Numbers the sources that are cited.

    Attributes:
        keys: of references, in the order of their numbers.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, *keys: str) -> list[int]:
        """Cite sources: return their numbers, from 1 on."""
        self.keys += [key for key in dict.fromkeys(keys) if key not in self.keys]
        return [self.keys.index(key) + 1 for key in keys]

    def inline(self, *keys: str) -> str:
        """Cite sources within a text: return `[1, 2]`, nothing for none."""
        return f"[{', '.join(map(str, self(*keys)))}]" if keys else ""

    @property
    def sources(self) -> list[str]:
        """What has been cited so far."""
        return [reference(key) for key in self.keys]
