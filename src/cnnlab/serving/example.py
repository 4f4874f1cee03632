"""The image in the examples of the documents, which the server answers itself when it starts."""

import io

from PIL import Image, ImageDraw


def example_image() -> bytes:
    """Return a PNG that every network answers: a digit 1, dark on light."""
    image = Image.new("L", (28, 28), 255)
    ImageDraw.Draw(image).line([(10, 9), (14, 5), (14, 23)], fill=0, width=3)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
