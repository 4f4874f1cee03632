"""`compare`: several networks on the same images, over several seeds."""


def compare() -> None:
    """Compare networks."""
