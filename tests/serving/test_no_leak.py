"""A long load of good requests, with wrong ones between them: what the server holds does not grow with it."""

import os

import pytest
from test_hostile_requests import server  # noqa: F401
from test_serve_command import get, png, post

from cnnlab.serving.load import drawn_images, put_load, request_of
from cnnlab.serving.processes import memory

NUMBER = int(os.environ.get("CNNLAB_TEST_REQUESTS", "300000"))
PARTS = 10
MOST_GROWTH_OF_100_000 = 1e6
SOME_PAGES = 2e6  # by which an allocator is off, which matters where few are sent
WRONG_OF_PART = 0.01


@pytest.mark.slow
def test_memory_does_not_grow_with_requests(server):  # noqa: F811
    def requests_for(network, images):
        return [request_of(image, host="127.0.0.1", port=server.port, network=network) for image in images]

    right = requests_for("photos", drawn_images(32)) + requests_for("small", drawn_images(28))
    wrong = requests_for("nobody", [png()]) + requests_for("photos", [png()[:60]])
    held, failures = [], {}
    for _ in range(PARTS):
        load = put_load("127.0.0.1", server.port, right, clients=8, number=NUMBER // PARTS)
        assert not load.failures
        refused = put_load(
            "127.0.0.1", server.port, wrong, clients=2, number=int(WRONG_OF_PART * NUMBER / PARTS)
        )
        failures |= refused.failures
        assert not refused.seconds
        held.append(memory([server.pid], "VmRSS"))
    growth = held[-1] - held[0]  # the first part warms it up
    hundred_thousands = NUMBER * (PARTS - 1) / PARTS / 100_000
    print(
        f"{NUMBER:,} requests, {load.requests_per_s:.0f}/s at the end; held after each tenth, in MB:",
        *(f"{value / 1e6:.1f}" for value in held),
        f"; {growth / 1e6 / hundred_thousands:.2f} MB for 100,000",
    )
    assert {text[:3] for text in failures} == {"422"}
    assert growth < max(SOME_PAGES, MOST_GROWTH_OF_100_000 * hundred_thousands)
    assert get(server.port, "/readyz")[0] == 200 and post(server.port, png())[0] == 200
