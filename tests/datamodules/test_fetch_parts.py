"""Data sets of many files: fetched once each, resumed after a kill, checked, and moved to their place whole."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import InputError
from datamodules.fetch_parts import Part, fetch_parts
from tests.datamodules.loopback import Handler, served, tarred

TABLE = b"a.wav\nb.wav\n"


@pytest.fixture
def site(tmp_path) -> Iterator[tuple[str, Path]]:
    """A web server on loopback: its address and the folder it serves, a table and two archives."""
    folder = tmp_path / "site"
    folder.mkdir()
    Handler.asked.clear()
    (folder / "table.csv").write_bytes(TABLE)
    (folder / "0.tar.gz").write_bytes(tarred({"audio-0/a.wav": b"A" * 50}))
    (folder / "1.tar.gz").write_bytes(tarred({"audio-1/b.wav": b"B" * 50}))
    with served(folder) as address:
        yield address, folder


def parts(url: str, md5: str | None = None):
    def listed(whole: Path) -> Iterator[Part]:
        yield Part(f"{url}/table.csv", "meta/table.csv", md5=md5 or hashlib.md5(TABLE).hexdigest())
        for number in range(len((whole / "meta/table.csv").read_text().split())):
            yield Part(f"{url}/{number}.tar.gz", "audio", archive=True, flat=True)

    return listed


def whole(folder: Path) -> None:
    for name in (folder / "meta/table.csv").read_text().split():
        if not (folder / "audio" / name).is_file():
            raise InputError(f"no {folder / 'audio' / name}")


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_an_early_part_names_the_later_ones_and_nothing_else_is_left(tmp_path, site):
    root = tmp_path / "data/set"
    fetch_parts(parts(site[0]), root, check=whole, progress=False)
    assert contents(root) == {"audio/a.wav": b"A" * 50, "audio/b.wav": b"B" * 50, "meta/table.csv": TABLE}
    assert [path.name for path in root.parent.iterdir()] == ["set"]


def test_what_was_fetched_is_not_fetched_again(tmp_path, site):
    url, folder = site
    root, late = tmp_path / "data/set", (folder / "1.tar.gz").read_bytes()
    (folder / "1.tar.gz").write_bytes(late[: len(late) // 2])
    with pytest.raises(InputError, match=r"is broken or cut short|no zip or tar archive"):
        fetch_parts(parts(url), root, check=whole, progress=False)
    assert not root.exists()
    (folder / "1.tar.gz").write_bytes(late)
    Handler.asked.clear()
    fetch_parts(parts(url), root, check=whole, progress=False)
    assert Handler.asked == ["/1.tar.gz"]
    assert set(contents(root)) == {"audio/a.wav", "audio/b.wav", "meta/table.csv"}


def test_a_wrong_hash_and_a_wrong_whole_leave_no_root(tmp_path, site):
    url, folder = site
    root = tmp_path / "data/set"
    with pytest.raises(InputError, match=r"table.csv has MD5 [0-9a-f]{32}, not 0{32}: damaged or replaced"):
        fetch_parts(parts(url, "0" * 32), root, check=whole, progress=False)
    (folder / "1.tar.gz").write_bytes(tarred({"audio-1/c.wav": b"C"}))
    with pytest.raises(InputError, match=r"is not as published: no audio/b.wav; remove .*\.set\.download") as caught:
        fetch_parts(parts(url), root, check=whole, progress=False)
    assert "\n" not in str(caught.value)
    assert not root.exists()


def test_a_part_that_leads_out_of_the_root_is_refused(tmp_path, site):
    with pytest.raises(InputError, match="leads out of the data root"):
        fetch_parts(lambda _: [Part(f"{site[0]}/table.csv", "../x")], tmp_path / "set", check=whole, progress=False)
    assert not (tmp_path / "x").exists()
