"""Requests that no decent client sends, drawn at random from a seed."""

import io
import random

from PIL import Image

CRLF = b"\r\n"


def small_png():
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(file, "PNG")
    return file.getvalue()


PNG = small_png()
FORM = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n' + PNG + b"\r\n--x--\r\n"
JSON = b'{"images": ["aaaa"], "top_k": 1}'


def request(method, path, headers, body=b"", *, version=b"HTTP/1.1"):
    lines = [b"%s %s %s" % (method, path, version), *(b"%s: %s" % pair for pair in headers)]
    return CRLF.join(lines) + CRLF * 2 + body


def post(kind, body, path=b"/v1/predict"):
    return request(
        b"POST",
        path,
        [(b"Host", b"localhost"), (b"Content-Type", kind), (b"Content-Length", b"%d" % len(body))],
        body,
    )


def chunked(pieces):
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    headers = [(b"Host", b"localhost"), (b"Content-Type", b"image/png"), (b"Transfer-Encoding", b"chunked")]
    return request(b"POST", b"/v1/predict", headers, body)


DECENT = (
    request(b"GET", b"/healthz", [(b"Host", b"localhost")]),
    request(b"GET", b"/v1/networks", [(b"Host", b"localhost"), (b"Accept", b"*/*")]),
    post(b"image/png", PNG),
    post(b"multipart/form-data; boundary=x", FORM),
    post(b"application/json", JSON),
    post(b"image/png", PNG, b"/v1/explain?method=activations"),
    chunked([PNG[:20], PNG[20:]]),
)
LENGTHS = (
    b"-1",
    b"+5",
    b"0x10",
    b" 7 ",
    b"",
    b"1e3",
    b"99999999999999999999",
    b"5, 6",
    b"\xb2",
    b"00012",
    b"1\x00",
)
CODINGS = (
    b"gzip, chunked",
    b"chunked, chunked",
    b"xchunked",
    b"identity",
    b"\x0bchunked",
    b"chunked\x00",
    b"",
)
CHUNKS = (
    b"ZZ\r\n",
    b"-1\r\n",
    b"5\r\nab",
    b"ffffffffffffffff\r\n",
    b"5;" + b"a" * 9000 + b"\r\nabcde\r\n",
    b"5\nabcde\n",
)


def truncated(rng):
    content = rng.choice(DECENT)
    return content[: rng.randrange(len(content))]


def flipped(rng):
    content = bytearray(rng.choice(DECENT))
    for _ in range(rng.randint(1, 12)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def with_inserted(rng):
    content = rng.choice(DECENT)
    place = rng.randrange(len(content))
    piece = rng.choice(
        (b"\0" * rng.randint(1, 50), b"\n", b"\r", b"\r\n\r\n", b" ", b"\xff\xfe", rng.randbytes(30))
    )
    return content[:place] + piece + content[place:]


def of_wrong_length(rng):
    lengths = [rng.choice((*LENGTHS, b"%d" % rng.randrange(10**6))) for _ in range(rng.randint(1, 2))]
    headers = [(b"Host", b"localhost"), (b"Content-Type", b"image/png")]
    headers += [(b"Content-Length", length) for length in lengths]
    return request(b"POST", b"/v1/predict", headers, PNG[: rng.randrange(len(PNG))])


def of_wrong_chunks(rng):
    headers = [
        (b"Host", b"localhost"),
        (b"Content-Type", b"image/png"),
        (b"Transfer-Encoding", rng.choice((b"chunked", b"chunked", b"chunked", *CODINGS))),
    ]
    if rng.random() < 0.3:
        headers.append((b"Content-Length", rng.choice(LENGTHS)))
    body = b"".join(
        rng.choice((*CHUNKS, b"3\r\nabc\r\n", rng.randbytes(9))) for _ in range(rng.randint(1, 4))
    )
    return request(b"POST", b"/v1/predict", headers, body)


def with_huge_header(rng):
    size = rng.choice((9_000, 70_000, 300_000))
    header = rng.choice(
        (
            [(b"x", b"a" * size)],
            [(b"a" * size, b"x")],
            [(b"x%d" % number, b"y") for number in range(size // 8)],
            [(b"Cookie", b"a=b; " * (size // 5))],
        )
    )
    return request(b"GET", b"/healthz", [(b"Host", b"localhost"), *header])


def of_odd_line(rng):
    method = rng.choice(
        (b"GET", b"HEAD", b"TRACE", b"CONNECT", b"OPTIONS", b"get", b"G\0T", b"", b"A" * 9000)
    )
    path = rng.choice(
        (b"*", b"http://other/healthz", b"//", b"/%", b"/%00", b"/%ff%fe", b"/..%2f..%2fetc", b"/\xff", b"",
         b"/a b", b"/?" + b"&" * 500, b"/v1/predict?top_k=%00", b"/v1/predict?" + b"network=a&" * 300,
         b"/" + b"a" * 70_000)
    )  # fmt: skip
    version = rng.choice((b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.", b"HTTP/11.1", b"", b"SPDY/3"))
    return request(
        method, path, [(b"Host", rng.choice((b"localhost", b"a", b"", b"[", b"\xe9")))], version=version
    )


def with_odd_header(rng):
    odd = rng.choice(
        (
            [(b"Expect", b"100-continue")], [(b"Expect", b"x")], [(b"Host", b"localhost")], [(b" x", b"y")],
            [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"), (b"Sec-WebSocket-Key", b"x")],
            [(b"Connection", b"Upgrade, HTTP2-Settings"), (b"Upgrade", b"h2c")],
            [(b"Connection", b"close, keep-alive")], [(b"", b"x")], [(b"x\0", b"y")], [(b"x", b"\r\n y")],
            [(b"Authorization", b"Bearer " + bytes(range(128, 256)))], [(b"Content-Encoding", b"gzip")],
            [(b"Range", b"bytes=0-" * 500)], [(b"Accept", b"image/png;q=" + b"9" * 900)],
            [(b"Content-Type", b"multipart/form-data; boundary=" + b"x" * 900)],
            [(b"Content-Type", b"multipart/form-data; boundary*=utf-8''%ff")],
        )
    )  # fmt: skip
    headers = [(b"Host", b"localhost"), (b"Content-Length", b"%d" % len(FORM)), *odd]
    return request(b"POST", rng.choice((b"/v1/predict", b"/v1/explain", b"/healthz")), headers, FORM)


def pipelined(rng):
    made = [rng.choice(DECENT) if rng.random() < 0.8 else flipped(rng) for _ in range(rng.randint(2, 20))]
    return b"".join(made)


def noise(rng):
    return rng.randbytes(rng.randint(1, 3000))


KINDS = (
    truncated, flipped, with_inserted, of_wrong_length, of_wrong_chunks, with_huge_header, of_odd_line,
    with_odd_header, pipelined, noise,
)  # fmt: skip


def hostile_requests(number, *, seed=0):
    """Yield the bytes of requests, each kind as often as another."""
    rng = random.Random(seed)
    for index in range(number):
        yield KINDS[index % len(KINDS)](rng)
