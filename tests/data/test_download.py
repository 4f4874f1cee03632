import errno
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cnnlab.data.sources import download, locate
from cnnlab.data.sources.download import DownloadFailedError, download_file
from cnnlab.data.sources.locate import Places, obtain_files
from cnnlab.data.sources.published import FileSet, PublishedFile
from cnnlab.errors import MissingResourceError

CONTENT = bytes(range(256)) * 1024  # 256 KiB


@dataclass
class Mirror:
    """What a server does with one path, and which byte each request asked to begin at."""

    content: bytes = CONTENT
    break_after: int | None = None  # bytes of body before the connection is cut
    has_ranges: bool = True
    status: int = 200
    encoding: str | None = None
    starts: list[int] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch) -> Iterator["Server"]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.mirrors = {}
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Server(httpd)
        httpd.shutdown()
        thread.join()


class Server:
    def __init__(self, httpd):
        self.mirrors: dict[str, Mirror] = httpd.mirrors
        self.base = f"http://127.0.0.1:{httpd.server_address[1]}"

    def file(self, **mirrors: Mirror) -> PublishedFile:
        self.mirrors.update({f"/{name}": mirror for name, mirror in mirrors.items()})
        urls = tuple(f"{self.base}/{name}" for name in mirrors)
        return PublishedFile("set.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "", urls)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        mirror = self.server.mirrors.get(self.path)
        if mirror is None or mirror.status != 200:
            self.send_error(mirror.status if mirror else 404)
            return
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        mirror.starts.append(start)
        if asked and mirror.has_ranges:
            self.send_response(206)
            last, total = len(mirror.content) - 1, len(mirror.content)
            self.send_header("Content-Range", f"bytes {start}-{last}/{total}")
        else:
            self.send_response(200)
            start = 0
        body = mirror.content[start:]
        self.send_header("Content-Length", str(len(body)))
        if mirror.encoding:
            self.send_header("Content-Encoding", mirror.encoding)
        self.end_headers()
        self.wfile.write(body[: mirror.break_after])
        self.close_connection = True

    def log_message(self, format, *args):
        pass


def fetch(file: PublishedFile, folder: Path) -> list[str]:
    """Download, check the result, and return the lines that a user would see."""
    lines: list[str] = []
    download_file(file, folder, warn=lines.append)
    assert (folder / file.name).read_bytes() == CONTENT
    assert not (folder / f"{file.name}.part").exists()
    assert sorted(path.name for path in folder.iterdir()) == [".download.lock", file.name]
    return lines


def test_download_from_the_first_mirror(server, tmp_path):
    first, second = Mirror(), Mirror()
    lines = fetch(server.file(first=first, second=second), tmp_path / "new" / "folder")
    assert len(lines) == 1 and "set.gz (0.3 MB)" in lines[0]
    assert first.starts == [0] and second.starts == []


def test_a_broken_transfer_goes_on_where_it_broke_from_the_next_mirror(server, tmp_path):
    first, second = Mirror(break_after=100_000), Mirror()
    fetch(server.file(first=first, second=second), tmp_path)
    assert second.starts == [100_000]


def test_a_mirror_that_breaks_every_time_still_finishes(server, tmp_path):
    mirror = Mirror(break_after=60_000)
    fetch(server.file(only=mirror), tmp_path)
    assert mirror.starts == [0, 60_000, 120_000, 180_000, 240_000]


def test_the_part_of_an_earlier_process_is_used(server, tmp_path):
    (tmp_path / "set.gz.part").write_bytes(CONTENT[:200_000])
    mirror = Mirror()
    fetch(server.file(only=mirror), tmp_path)
    assert mirror.starts == [200_000]


def test_a_whole_part_needs_no_network(tmp_path):
    (tmp_path / "set.gz.part").write_bytes(CONTENT)
    file = PublishedFile(
        "set.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "", ("http://127.0.0.1:9/set.gz",)
    )
    fetch(file, tmp_path)


def test_a_server_without_ranges_is_read_past_what_is_there(server, tmp_path):
    (tmp_path / "set.gz.part").write_bytes(CONTENT[:150_000])
    mirror = Mirror(has_ranges=False)
    fetch(server.file(only=mirror), tmp_path)
    assert mirror.starts == [150_000]


def test_wrong_content_is_thrown_away_and_the_next_mirror_asked(server, tmp_path):
    wrong, good = Mirror(content=CONTENT[::-1]), Mirror()
    lines = fetch(server.file(wrong=wrong, good=good), tmp_path)
    assert any("wrong sha256" in line and "/wrong" in line for line in lines)
    assert good.starts == [0]


def test_a_good_part_survives_a_mirror_that_completes_it_wrongly(server, tmp_path):
    (tmp_path / "set.gz.part").write_bytes(CONTENT[:250_000])
    wrong, good = Mirror(content=CONTENT[::-1]), Mirror()
    fetch(server.file(wrong=wrong, good=good), tmp_path)
    assert good.starts == [250_000]


def test_a_bad_part_is_given_up_once_no_mirror_completes_it(server, tmp_path):
    (tmp_path / "set.gz.part").write_bytes(b"x" * 1000)
    first, second = Mirror(), Mirror()
    lines = fetch(server.file(first=first, second=second), tmp_path)
    assert any("no mirror completes it" in line for line in lines)
    assert (first.starts, second.starts) == ([1000], [1000, 0])


def test_another_file_of_the_wrong_size_does_not_touch_the_part(server, tmp_path):
    (tmp_path / "set.gz.part").write_bytes(CONTENT[:1000])
    portal = Mirror(content=b"<html>please log in</html>", has_ranges=False)
    longer = Mirror(content=CONTENT + b"more")
    with pytest.raises(DownloadFailedError, match="another size"):
        download_file(server.file(portal=portal, longer=longer), tmp_path, warn=lambda line: None)
    assert (tmp_path / "set.gz.part").read_bytes() == CONTENT[:1000]
    assert not (tmp_path / "set.gz").exists()


def test_gzip_labelled_as_encoding_is_not_unpacked(server, tmp_path):
    fetch(server.file(only=Mirror(encoding="gzip")), tmp_path)


def test_wrong_everywhere_leaves_no_file(server, tmp_path):
    mirrors = {name: Mirror(content=CONTENT[::-1]) for name in ("first", "second")}
    with pytest.raises(DownloadFailedError, match="wrong content"):
        download_file(server.file(**mirrors), tmp_path, warn=lambda line: None)
    assert not (tmp_path / "set.gz").exists()


def test_one_line_says_what_to_put_where_when_no_mirror_answers(server, tmp_path):
    file = server.file(gone=Mirror(status=404))
    nobody = f"{server.base.rpartition(':')[0]}:9/set.gz"
    file = PublishedFile(file.name, file.size, file.sha256, "", (*file.mirrors, nobody))
    file_set = FileSet("fake", ("FAKE/raw",), False, (file,))
    with pytest.raises(MissingResourceError) as caught:
        obtain_files(file_set, ["set.gz"], Places((tmp_path,), True, lambda line: None))
    message = str(caught.value)
    assert caught.value.exit_code == 3 and "\n" not in message
    assert "set.gz" in message and str(tmp_path / "FAKE" / "raw") in message
    assert "HTTP 404" in message and "no connection" in message


def test_a_full_disk_is_said_in_one_line_and_keeps_what_arrived(server, tmp_path, monkeypatch):
    (tmp_path / "set.gz.part").write_bytes(CONTENT[:1000])

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_write", full)
    with pytest.raises(MissingResourceError, match=r"disk is full: set\.gz needs 0\.3 MB"):
        download_file(server.file(only=Mirror()), tmp_path, warn=lambda line: None)
    assert (tmp_path / "set.gz.part").read_bytes() == CONTENT[:1000]


def test_a_folder_that_cannot_be_made_is_said_in_one_line(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingResourceError, match=r"cannot be written there: .* Set CNNLAB_CACHE"):
        download_file(server.file(only=Mirror()), tmp_path / "file", warn=lambda line: None)


def test_two_downloads_at_once_make_one_file(server, tmp_path):
    mirror = Mirror()
    file = server.file(only=mirror)
    threads = [
        threading.Thread(target=download_file, args=(file, tmp_path), kwargs={"warn": print})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "set.gz").read_bytes() == CONTENT
    assert mirror.starts == [0]


def test_published_files_name_two_mirrors_each():
    from cnnlab.data.catalogue import DATASETS

    for info in DATASETS.values():
        for file_set in info.file_sets:
            for file in file_set.files:
                if file.mirrors:
                    assert len({locate.Path(url).parent for url in file.mirrors}) >= 2, file
                    assert len(file.sha256) == 64 and file.size > 0
