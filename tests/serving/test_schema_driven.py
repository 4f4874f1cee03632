"""Ten thousand requests that schemathesis draws from the server's own OpenAPI document, right and wrong."""

import os

import pytest
import requests
from hostile import PNG
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_hostile_requests import MOST_GROWTH, server  # noqa: F401
from test_serve_command import get, png, post

from cnnlab.serving.example import example_image
from cnnlab.serving.processes import memory

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis, of the extra dev")

NUMBER = int(os.environ.get("CNNLAB_TEST_REQUESTS", "10000"))
KINDS = ("image/*", "application/octet-stream")


@st.composite
def pictures(draw):
    """Images that are whole, cut short, or changed in some bytes; and bytes that are none."""
    content = bytearray(
        draw(st.sampled_from([png(), PNG, example_image(), b"GIF89a", b"BM", b"RIFF", b"\xff\xd8\xff\xe0"]))
    )
    if draw(st.booleans()):
        return bytes(content)
    for place in draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


@pytest.fixture(scope="module", autouse=True)
def known_kinds():
    """Teach schemathesis how images are drawn and sent."""
    for kind in KINDS:
        schemathesis.openapi.media_type(kind, pictures() | st.binary(max_size=200))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of schemathesis and what it brings
def test_requests_of_its_own_document(server):  # noqa: F811
    checks = [
        schemathesis.checks.status_code_conformance,
        schemathesis.checks.content_type_conformance,
        schemathesis.checks.response_schema_conformance,
    ]
    address = f"http://127.0.0.1:{server.port}"
    operations = [
        found.ok() for found in schemathesis.openapi.from_url(f"{address}/openapi.json").get_all_operations()
    ]
    shares = {"post": 0.23, "get": 0.025}  # of all: two routes in two modes, and four in one
    session, counts = requests.Session(), {}

    def send(operation, mode, number):
        @settings(
            max_examples=max(1, number),
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def run(case):
            answer = case.call(session=session, timeout=60)
            counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
            assert answer.status_code < 500 or answer.status_code == 503, case.as_curl_command()
            case.validate_response(answer, checks=checks)

        run()

    before = None
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    for part in (0.1, 1.0):  # the first ones warm the server up
        for operation in operations:
            for mode in modes[: 2 if operation.body else 1]:  # nothing of a GET can be wrong
                send(operation, mode, int(part * NUMBER * shares[operation.method]))
        before = before or memory([server.pid], "VmRSS")
    growth = memory([server.pid], "VmRSS") - before
    print(f"{sum(counts.values())} requests: {dict(sorted(counts.items()))}, growth {growth / 1e6:.1f} MB")
    assert growth < MOST_GROWTH
    assert counts[200] > NUMBER / 100 and counts[422] > NUMBER / 100
    assert get(server.port, "/readyz")[0] == 200 and post(server.port, png())[0] == 200
