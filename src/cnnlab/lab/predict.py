"""`predict`: what is on these pictures, by a finished run."""


def predict() -> None:
    """Classify files."""
