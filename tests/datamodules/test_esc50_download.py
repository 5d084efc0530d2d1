"""The whole release, downloaded: 2,000 wav files, so that the checks meet its real counts."""

import csv
import io
import wave
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from configs.data_schema import Esc50Data
from configs.errors import InputError
from datamodules.esc50 import COLUMNS, Esc50, check_release
from tests.datamodules.loopback import served

Row = dict[str, Any]


def release_rows() -> list[Row]:
    return [
        {"filename": f"{fold}-{1000 * fold + 100 * number + target}-A-{target}.wav", "fold": fold, "target": target,
         "category": f"class_{target}", "esc10": target % 5 == 0, "src_file": 1000 * fold + 100 * number + target,
         "take": "A"}
        for fold in range(1, 6) for target in range(50) for number in range(8)
    ]  # fmt: skip


def release_zip(table: list[Row], spoil: dict[str, bytes] | None = None) -> bytes:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\1\2" * 50)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(table)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ESC-50-master/meta/esc50.csv", text.getvalue())
        for row in table:
            archive.writestr(
                f"ESC-50-master/audio/{row['filename']}", (spoil or {}).get(row["filename"], sound.getvalue())
            )
    return buffer.getvalue()


@pytest.fixture
def site(tmp_path) -> Iterator[tuple[Esc50Data, Path]]:
    """Settings that download from a server on loopback, and the archive it serves."""
    (tmp_path / "site").mkdir()
    with served(tmp_path / "site") as address:
        url = f"{address}/master.zip"
        yield Esc50Data(root=str(tmp_path / "data/ESC-50"), download=True, url=url), tmp_path / "site/master.zip"


def test_the_release_is_downloaded_checked_and_used(site):
    config, archive = site
    archive.write_bytes(release_zip(release_rows()))
    source = Esc50(config, 22050)
    assert [len(source.splits[split]) for split in ("train", "val", "test")] == [1300, 300, 400]
    assert len(source.class_names) == 50
    assert source.read(source.splits["test"][0])[0].shape == (50,)
    archive.unlink()
    again = Esc50(replace(config, subset="esc10"), 22050)  # already there: nothing is asked of the server
    assert len(again.splits["test"]) == 80


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table[:-1], "has 1,999 rows where the release has 2,000"),
        (lambda table: [*table[:-8], *({**row, "target": 0, "category": "class_0"} for row in table[-8:])],
         "has 48 clips of class class_0 where the release has 40"),
        (lambda table: [{**row, "target": (n := row["target"] % 49), "category": f"class_{n}"} for row in table],
         "has 49 classes"),
        (lambda table: [{**table[0], "fold": 2}, *table[1:]], "has 399 clips of fold 1|has 401 clips of fold 2"),
    ],
)  # fmt: skip
def test_a_download_with_other_counts_is_refused(site, change, message):
    config, archive = site
    archive.write_bytes(release_zip(change(release_rows())))
    with pytest.raises(InputError, match=f"is not as published: .*({message})"):
        Esc50(config, 22050)
    assert not Path(config.root).exists()


def test_a_download_with_a_damaged_file_is_refused(site):
    config, archive = site
    name = release_rows()[77]["filename"]
    for content, message in (
        (b"", "is empty"),
        (b"<html></html>", "is not a wav file"),
        (b"RIFF\0\4\0\0WAVE", "is cut short"),
    ):
        archive.write_bytes(release_zip(release_rows(), {name: content}))
        with pytest.raises(InputError, match=f"is not as published: audio/{name} {message}"):
            Esc50(config, 22050)


@pytest.mark.real_data
def test_esc10_is_not_taken_for_the_whole_release(shared_data):
    with pytest.raises(InputError, match="400 rows where the release has 2,000"):
        check_release(shared_data / "ESC-10")
