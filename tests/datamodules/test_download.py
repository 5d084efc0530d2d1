import hashlib
import http.server
import random
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import InputError
from datamodules.download import download

CONTENT = random.Random(0).randbytes(1_000_000)


class Server(http.server.ThreadingHTTPServer):
    """A file server on loopback; the attributes say how it misbehaves."""

    content = CONTENT
    etag: str | None = '"v1"'
    ranges = True
    announce = True
    drop_after: int | None = None  # bytes after which each answer breaks off
    statuses: tuple[int, ...] = ()  # answers before the first good one

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data/archive.zip"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, start = self.server, 0
        server.asked.append(self.headers.get("Range"))
        if server.statuses:
            status, server.statuses = server.statuses[0], server.statuses[1:]
            self.send_error(status)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and server.ranges and self.headers.get("If-Range") == server.etag:
            start = int(wanted[1])
            if start >= len(server.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        else:
            self.send_response(200)
        if server.etag:
            self.send_header("ETag", server.etag)
        if server.announce:
            self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        body = server.content[start:][: server.drop_after]
        server.sent += len(body)
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def fetch(server: Server, folder: Path, **options: object) -> Path:
    return download(server.url, folder / "archive.zip", progress=False, pause=0.0, **options)


def test_a_file_arrives_whole_and_nothing_else_is_left(server, tmp_path, capsys):
    path = fetch(server, tmp_path, sha256=hashlib.sha256(CONTENT).hexdigest().upper())
    assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]
    assert capsys.readouterr() == ("", "")


def test_progress_goes_to_stderr(server, tmp_path, capsys):
    download(server.url, tmp_path / "x")
    shown = capsys.readouterr()
    assert "archive.zip" in shown.err
    assert shown.out == ""


def test_a_dropped_connection_is_resumed_where_it_broke(server, tmp_path):
    server.drop_after = 300_000
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=600000-", "bytes=900000-"]
    assert server.sent == len(CONTENT)


def test_a_later_call_resumes_an_earlier_one(server, tmp_path):
    server.drop_after = 400_000
    with pytest.raises(InputError, match=r"broke off at 400,000 bytes .*run again to resume"):
        fetch(server, tmp_path, attempts=1)
    assert (tmp_path / "archive.zip.part").stat().st_size == 400_000
    assert not (tmp_path / "archive.zip").exists()
    server.drop_after = None
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=400000-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server, tmp_path):
    server.drop_after = 400_000
    with pytest.raises(InputError):
        fetch(server, tmp_path, attempts=1)
    server.drop_after, server.etag, server.content = None, '"v2"', CONTENT[::-1]
    assert fetch(server, tmp_path).read_bytes() == CONTENT[::-1]


def test_the_part_of_another_address_is_not_continued(server, tmp_path):
    (tmp_path / "archive.zip.part").write_bytes(b"x" * 1000)
    (tmp_path / "archive.zip.part.json").write_text('{"url": "http://elsewhere/", "validator": "\\"v1\\""}')
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None]


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
def test_a_server_that_cannot_resume_is_asked_from_the_start(server, tmp_path, etag):
    server.etag, server.drop_after = etag, 400_000
    with pytest.raises(InputError, match="broke off"):
        fetch(server, tmp_path, attempts=2)
    server.drop_after = None
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert set(server.asked) == {None}


def test_a_part_that_is_complete_already_is_taken(server, tmp_path):
    (tmp_path / "archive.zip.part").write_bytes(CONTENT)
    (tmp_path / "archive.zip.part.json").write_text(f'{{"url": "{server.url}", "validator": "\\"v1\\""}}')
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.sent == 0


def test_a_part_longer_than_the_file_is_dropped(server, tmp_path):
    (tmp_path / "archive.zip.part").write_bytes(CONTENT + b"more")
    (tmp_path / "archive.zip.part.json").write_text(f'{{"url": "{server.url}", "validator": "\\"v1\\""}}')
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_wrong_hash_removes_the_file(server, tmp_path):
    with pytest.raises(InputError, match=r"SHA-256 [0-9a-f]{64}, not 0{64}"):
        fetch(server, tmp_path, sha256="0" * 64)
    with pytest.raises(InputError, match=r"MD5 [0-9a-f]{32}, not 0{32}"):
        fetch(server, tmp_path, md5="0" * 32)
    assert not list(tmp_path.iterdir())
    hashes = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "md5": hashlib.md5(CONTENT).hexdigest().upper()}
    assert fetch(server, tmp_path, **hashes).read_bytes() == CONTENT


def test_an_answer_without_a_size_is_taken_as_it_comes(server, tmp_path):
    server.announce = False
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(server, tmp_path):
    server.statuses = (503, 500)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    server.statuses = (404, 404)
    with pytest.raises(InputError, match="the server answers 404"):
        fetch(server, tmp_path)
    assert server.statuses == (404,)


def test_offline_says_so_at_once_in_one_line(tmp_path):
    with Server() as closed:
        url = closed.url
    for address in (url, "http://nowhere.invalid/archive.zip"):
        with pytest.raises(InputError, match=r"cannot reach .*check the network") as caught:
            download(address, tmp_path / "x", pause=60.0)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "archive.zip", "http://a b/x"])
def test_other_addresses_are_refused(tmp_path, url):
    with pytest.raises(InputError, match="cannot download"):
        download(url, tmp_path / "x", pause=60.0)


def test_too_little_disk_is_told_before_the_download(server, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(InputError, match="MB free"):
        fetch(server, tmp_path)
