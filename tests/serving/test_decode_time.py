"""Images that are small and take long to decode."""

import asyncio
import io
import struct
import time

import pytest
from PIL import Image
from test_predict_route import PHOTO, RAW, problem

from cnnlab.serving.limits import Limits


def slow_bmp():
    """A BMP in runs of no pixels, each of which is read by itself: seconds of work, 12 MB."""
    runs = b"\x00\x02\x00\x00" * 3_000_000
    start = 14 + 40 + 1024
    header = struct.pack("<IiiHHIIiiII", 40, 4000, 4000, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + header + bytes(1024) + runs


def slow_jpeg(scans):
    """A progressive JPEG whose scans, of some 60 bytes each, go over all of 4096 x 4096 pixels."""
    file = io.BytesIO()
    Image.new("L", (4096, 4096), 128).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    tables = [place for place in range(len(content)) if content[place : place + 2] == b"\xff\xc4"]
    return content[: tables[2]] + content[tables[2] : tables[3]] * scans + content[tables[2] :]


@pytest.mark.parametrize("image", [slow_bmp(), slow_jpeg(10_000)], ids=["BMP", "JPEG"])
def test_decoding_that_takes_too_long_is_given_up_and_others_are_answered_meanwhile(ask, image):
    async def use(client):
        start = time.perf_counter()
        slow = asyncio.create_task(client.post("/v1/predict", content=image, headers=RAW))
        await asyncio.sleep(0.1)
        other = await client.post("/v1/predict", content=PHOTO, headers=RAW)
        assert not slow.done()
        return await slow, time.perf_counter() - start, other

    answer, seconds, other = ask(use, Limits(decode_seconds=0.5))
    assert "takes longer than 0.5 s" in problem(answer, 422, "body")
    assert seconds < 3 and other.status_code == 200
