import hashlib
import http.server
import io
import multiprocessing
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from configs.errors import InputError
from datamodules.fetch_archive import fetch_archive, header_fault

FILES = {"Data-master/table.csv": b"a,b\n", "Data-master/audio/x.wav": b"RIFF" * 1000}


class Handler(http.server.SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def site(tmp_path) -> Iterator[tuple[str, Path]]:
    """A web server on loopback: its address and the folder it serves."""
    folder = tmp_path / "site"
    folder.mkdir()
    Handler.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        (folder / "data.zip").write_bytes(zipped(FILES))
        yield f"http://127.0.0.1:{running.server_port}/data.zip", folder / "data.zip"
        running.shutdown()
        thread.join()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def needs_table(folder: Path) -> None:
    if not (folder / "table.csv").is_file():
        raise InputError(f"no table at {folder / 'table.csv'}")


@pytest.mark.parametrize("state", ["absent", "empty", "parent absent"])
def test_the_content_lands_at_root_without_its_top_folder(tmp_path, site, state):
    url, archive = site
    root = tmp_path / "data" / "set"
    if state != "parent absent":
        root.parent.mkdir()
    if state == "empty":
        root.mkdir()
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    fetch_archive(url, root, sha256=sha256, check=needs_table, progress=False)
    assert {path.relative_to(root).as_posix() for path in root.rglob("*.*")} == {"table.csv", "audio/x.wav"}
    assert list(root.parent.iterdir()) == [root]


def test_a_full_root_is_left_alone(tmp_path, site):
    root = tmp_path / "root"
    root.mkdir()
    (root / "mine.txt").touch()
    with pytest.raises(InputError, match=r"root is not empty, and is not what the download would put there: no table"):
        fetch_archive(site[0], root, check=needs_table, progress=False)
    (root / "table.csv").touch()
    fetch_archive(site[0], root, check=needs_table, progress=False)
    assert {path.name for path in root.iterdir()} == {"mine.txt", "table.csv"}
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="it is a file"):
        fetch_archive(site[0], file, progress=False)
    assert Handler.asked == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(FILES)[:-300], "cut short"),
        (zipped({"a/../../../x": b"1"}), "leads out"),
        (zipped({"Other-master/other": b"1"}), "is not as published: no table at table.csv"),
        (b"<html>please sign in</html>", "no zip or tar archive"),
    ],
)
def test_a_wrong_archive_leaves_nothing_behind_and_may_be_replaced(tmp_path, site, content, message):
    url, archive = site
    root = tmp_path / "data" / "set"
    archive.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        fetch_archive(url, root, check=needs_table, progress=False)
    assert "\n" not in str(caught.value)
    assert not list(root.parent.iterdir())
    archive.write_bytes(zipped(FILES))
    fetch_archive(url, root, check=needs_table, progress=False)
    assert (root / "table.csv").is_file()


def test_offline_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError, match=r"cannot reach nowhere\.invalid"):
        fetch_archive("http://nowhere.invalid/x.zip", tmp_path / "data" / "set", progress=False)
    assert not list((tmp_path / "data").iterdir())


def test_of_two_processes_one_downloads(tmp_path, site):
    root = tmp_path / "data" / "set"
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=fetch_archive, args=(site[0], root), kwargs={"check": needs_table, "progress": False})
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert Handler.asked == ["/data.zip"]
    assert list(root.parent.iterdir()) == [root]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.wav", b"RIFF\x08\x00\x00\x00WAVEfmt ", None),
        ("a.WAV", b"RIFF\x09\x00\x00\x00WAVEfmt ", "is cut short: 16 of 17 bytes"),
        ("a.wav", b"OggS" + b"\0" * 20, "is not a wav file"),
        ("a.ogg", b"OggS" + b"\0" * 20, None),
        ("a.ogg", b"<html>", "is not a ogg file"),
        ("a.flac", b"fLaC", None),
        ("a.wav", b"", "is empty"),
        ("a.txt", b"text", "has a format that is not checked"),
    ],
)
def test_headers(tmp_path, name, content, fault):
    (tmp_path / name).write_bytes(content)
    found = header_fault(tmp_path / name)
    assert found is None if fault is None else found is not None and found.startswith(fault)
