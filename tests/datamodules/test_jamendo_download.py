"""The Jamendo corpus fetched from its publisher's archives, served on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import InputError
from configs.jamendo_schema import JamendoData
from datamodules.jamendo import check_corpus, corpus_folder
from tests.datamodules.loopback import Handler, served, tarred

COUNTS = {"train": 61, "valid": 16, "test": 16}


def songs(split: str) -> list[str]:
    suffix = {"train": "ogg", "valid": "mp3", "test": "ogg"}[split]
    return [f"{number:02d} - {split} v1.{number}.{suffix}" for number in range(COUNTS[split])]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[JamendoData, Path]]:
    """Settings that download from a server on loopback, and the folder it serves."""
    folder = tmp_path / "site"
    folder.mkdir()
    Handler.asked.clear()
    labels = {}
    for split in COUNTS:
        audio = {f"{split}/{song}": song.encode() for song in songs(split)}
        (folder / f"jam_{split}_audio.tar.gz").write_bytes(tarred(audio))
        stems = [song.rpartition(".")[0] for song in songs(split)]
        (folder / f"jam_{split}_list.txt").write_text("".join(f"{stem}.trs\r\n" for stem in stems))
        labels |= {f"jamendo_lab/{stem}.lab": b"0 1 nosing\n1 2 sing\n" for stem in stems}
    (folder / "jam_annote.tar.gz").write_bytes(tarred(labels))
    with served(folder) as address:
        url = address
        yield JamendoData(root=str(tmp_path / "corpus"), url=url, download=True), folder


def test_archives_and_lists_become_the_layout(site: tuple[JamendoData, Path]) -> None:
    config, _ = site
    root = corpus_folder(config)
    check_corpus(root)
    for split in COUNTS:
        assert (root / "filelists" / split).read_text().splitlines() == songs(split)
    assert (root / "audio" / songs("valid")[3]).read_bytes() == songs("valid")[3].encode()
    assert len(list((root / "labels").iterdir())) == 93
    asked = len(Handler.asked)
    assert corpus_folder(config) == root
    assert len(Handler.asked) == asked  # it is there: nothing is fetched again


def test_an_interrupted_download_fetches_only_what_is_left(site: tuple[JamendoData, Path]) -> None:
    config, folder = site
    away = folder / "jam_annote.tar.gz"
    away.rename(folder / "later")
    with pytest.raises(InputError, match=r"jam_annote\.tar\.gz"):
        corpus_folder(config)
    assert not Path(config.root or "").exists()
    (folder / "later").rename(away)
    first = list(Handler.asked)
    check_corpus(corpus_folder(config))
    assert not {path for path in Handler.asked[len(first) :] if "_audio" in path}


def test_a_listed_song_that_no_archive_holds_is_named(site: tuple[JamendoData, Path]) -> None:
    config, folder = site
    (folder / "jam_test_list.txt").write_text("a song that is not there.trs\n")
    with pytest.raises(InputError, match=r"jam_test_list\.txt lists a song that is not there\.trs"):
        corpus_folder(config)
    assert not Path(config.root or "").exists()
