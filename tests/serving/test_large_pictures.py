"""Pictures as large as they may be, several at once: the memory of docs/deploy.md suffices."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from test_serve_command import post, start, wait_for

from cnnlab.serving.limits import Limits
from cnnlab.serving.processes import memory

SIDE = int(Limits.pixels**0.5)
MOST_BYTES = 700e6
"""docs/deploy.md gives 1 GB, of which up to 128 MB are bodies, and as many their parts."""


def encoded(mode, kind, **options):
    file = io.BytesIO()
    image = Image.new(mode, (SIDE, SIDE), 0)
    image.paste(Image.effect_noise((SIDE // 4, SIDE // 4), 90).convert(mode), (SIDE // 3, SIDE // 3))
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.slow
def test_large_pictures_at_once_fit_into_memory(photos_file):
    pictures = [
        encoded("RGBA", "PNG"),
        encoded("RGB", "JPEG", progressive=True, quality=60),
        encoded("RGBA", "WebP"),
    ]
    process = start(photos_file, "--port", 0, "--limit=decode_seconds=60", "--limit=answer_seconds=100")
    try:
        port = wait_for(process)
        with ThreadPoolExecutor(6) as clients:
            answers = list(clients.map(lambda picture: post(port, picture)[0], pictures * 4))
        peak = memory([process.pid], "VmHWM")
        print(f"{peak / 1e6:.0f} MB at most")
        assert answers == [200] * 12 and peak < MOST_BYTES
    finally:
        process.kill()
        process.communicate()
