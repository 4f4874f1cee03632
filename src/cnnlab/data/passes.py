"""How many images go through a network at once where nothing is learned."""

MAX_IMAGES = 500
MAX_PIXELS = 500 * 64**2


def images_per_pass(size: int) -> int:
    """Return how many images, of `size` x `size` pixels, one pass takes: memory grows with their pixels."""
    return max(1, min(MAX_IMAGES, MAX_PIXELS // size**2))
