"""Large pictures take little more memory than Pillow and the result do: several are decoded at once."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

SIDE = 3000
MEASURING = """
import sys
from cnnlab.pictures import decode_picture

def peak():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1])

content = open(sys.argv[1], "rb").read()
before = peak()
decode_picture(content, channels=int(sys.argv[2]))
print(peak() - before)
"""


def picture(mode):
    if mode == "I;16":
        return Image.fromarray(np.full((SIDE, SIDE), 40_000, dtype=np.uint16))
    image = Image.new(mode, (SIDE, SIDE))
    image.paste(200, (100, 100, 900, 900)) if mode == "P" else None
    return image


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("mode", "held"), [("RGBA", 4), ("RGB", 4), ("LA", 4), ("P", 1), ("I;16", 2)])
def test_a_picture_is_held_once_by_pillow_and_once_as_pixels(mode, held, channels, tmp_path):
    path = tmp_path / "large.png"
    picture(mode).save(path)
    found = subprocess.run(
        [sys.executable, "-c", MEASURING, str(path), str(channels)],
        capture_output=True,
        text=True,
        check=True,
    )
    num_bytes = 1024 * int(found.stdout)
    assert num_bytes < 1.1 * (held + channels) * SIDE**2 + 20e6
