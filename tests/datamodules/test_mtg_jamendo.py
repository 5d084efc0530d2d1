"""MTG-Jamendo: official lists, tags, the middle of long tracks, the publisher's hashes; on a miniature."""

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import datamodules.mtg_jamendo as jamendo
from configs.dataset_schema import MtgJamendoData
from configs.errors import InputError
from datamodules.clip_source import ClipSource
from datamodules.mtg_jamendo import COLUMNS, HASHES, TAGS, MtgJamendo, check_release
from tests.datamodules.loopback import served

NAMES = ("genre---rock", "instrument---piano", "mood/theme---happy")
RATE = 8000


def line(track: int, artist: int, *tags: str) -> str:
    path = f"{track % 100:02d}/{track}.mp3"
    return "\t".join((f"track_{track:07d}", f"artist_{artist:06d}", "album_000001", path, "2.0", *tags))


LISTS = {
    "train": [line(101, 1, NAMES[0]), line(202, 1, NAMES[1], NAMES[2]), line(303, 2, NAMES[0])],
    "validation": [line(404, 3, NAMES[1])],
    "test": [line(505, 4, NAMES[0], NAMES[2])],
}


def write_list(root: Path, name: str, lines: list[str], split: int = 0) -> None:
    path = root / f"data/splits/split-{split}/autotagging_top50tags-{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["\t".join(COLUMNS), *lines]) + "\n")


def write(root: Path, low: bool = False) -> MtgJamendoData:
    """Tracks of two seconds: silence, a tone in the middle second, silence."""
    (root / TAGS).parent.mkdir(parents=True)
    (root / TAGS).write_text("\n".join(NAMES) + "\n")
    for split in range(5):
        for name, lines in LISTS.items():
            write_list(root, name, lines, split)
    time = np.arange(2 * RATE) / RATE
    sound = 0.3 * np.sin(2 * np.pi * 440 * time) * ((time >= 0.5) & (time < 1.5))
    for path in (text.split("\t")[3] for lines in LISTS.values() for text in lines):
        place = root / "audio" / (path.replace(".mp3", ".low.mp3") if low else path)
        place.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place, sound, RATE, format="MP3")
    return MtgJamendoData(root=str(root), seconds=1.0)


def test_the_official_lists_are_the_splits(tmp_path, capsys):
    source = MtgJamendo(write(tmp_path), 22050)
    assert isinstance(source, ClipSource)
    assert source.class_names == ("rock", "piano", "happy")
    assert source.multi_label
    assert [len(source.splits[split]) for split in ("train", "val", "test")] == [3, 1, 1]
    clip = source.splits["train"][1]
    assert (clip.name, clip.target, clip.group, clip.observed) == (
        "track_0000202", (0.0, 1.0, 1.0), "artist_000001", None,
    )  # fmt: skip
    said = capsys.readouterr().err
    assert "Bogdanov" in said
    assert "CC BY-NC-SA 4.0" in said


@pytest.mark.parametrize("low", [False, True])
def test_the_middle_of_a_track_is_read(tmp_path, low):
    config = write(tmp_path, low)
    source, whole = MtgJamendo(config, 22050), MtgJamendo(replace(config, seconds=None), 22050)
    clip = source.splits["test"][0]
    assert source.path(clip).name == ("505.low.mp3" if low else "505.mp3")
    samples, rate = source.read(clip)
    every = whole.read(clip)[0]
    assert (samples.size, rate) == (RATE, RATE)
    start = (every.size - samples.size) // 2
    np.testing.assert_allclose(samples, every[start : start + samples.size], atol=1e-3)
    assert np.sqrt(np.mean(samples**2)) > 0.15 > np.sqrt(np.mean(every[: RATE // 3] ** 2))
    assert source.seconds(clip) == 1.0
    assert whole.seconds(clip) == pytest.approx(2, abs=0.1)
    assert source.content_key(clip) != whole.content_key(clip)


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("train", [line(101, 1, "genre---polka")], "line 2: tag 'genre---polka' is not in data/tags/top50.txt"),
        ("train", [line(101, 1, NAMES[0])] * 2, "line 3: track_0000101 stands in the split lists before"),
        ("test", [line(101, 1, NAMES[0])], "line 2: track_0000101 stands in the split lists before"),
        ("test", [line(606, 1, NAMES[0])], r"lacks 1 of 5 tracks .* audio/06/606.mp3 \(or .low.mp3\)"),
        ("test", [line(505, 1, NAMES[0])], "artist_000001 is in the lists of train and test"),
        ("test", ["track_1\tartist_1\talbum"], "line 2: 3 cells"),
        ("test", [line(505, 4, NAMES[0]).replace("05/505.mp3", "../505.mp3")], "line 2: .* leads out of the data root"),
    ],
)
def test_each_fault_of_a_list_is_named_in_one_line(tmp_path, name, lines, message):
    config = write(tmp_path)
    write_list(tmp_path, name, lines)
    with pytest.raises(InputError, match=message) as caught:
        MtgJamendo(config, 22050)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["rock", "genre---pop"], "'rock' is no tag KIND---NAME"),
        ([NAMES[0], NAMES[0]], "'genre---rock' is there twice, again as number 2"),
        ([NAMES[0]], "has 1 tags; a classifier needs two"),
    ],
)
def test_each_fault_of_the_tags_is_named(tmp_path, tags, message):
    config = write(tmp_path)
    (tmp_path / TAGS).write_text("\n".join(tags))
    with pytest.raises(InputError, match=message):
        MtgJamendo(config, 22050)


def test_what_is_missing_is_said(tmp_path):
    config = write(tmp_path)
    with pytest.raises(InputError, match=r"top50\.txt has 3 tags where the release has 50"):
        check_release(tmp_path)
    (tmp_path / "data/splits/split-0/autotagging_top50tags-test.tsv").write_text("a,b\n")
    with pytest.raises(InputError, match="does not begin with TRACK_ID, ARTIST_ID"):
        MtgJamendo(config, 22050)
    (tmp_path / TAGS).unlink()
    with pytest.raises(InputError, match=r"is not MTG-Jamendo: it lacks data/tags/top50.txt$"):
        MtgJamendo(config, 22050)


def test_lists_and_then_the_archives_that_they_name_are_fetched(tmp_path, monkeypatch):
    write(tmp_path / "built", low=True)
    site = tmp_path / "site"
    (site / "audio-low").mkdir(parents=True)
    for number, tracks in enumerate((["01/101", "02/202", "03/303"], ["04/404", "05/505"])):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for track in tracks:
                archive.add(tmp_path / f"built/audio/{track}.low.mp3", f"{track}.low.mp3")
        (site / f"audio-low/{number}.tar").write_bytes(buffer.getvalue())
    (tmp_path / "built/audio").rename(tmp_path / "audio")
    (tmp_path / "built/audio_licenses.txt").write_text("CC")
    (tmp_path / "built/data").rename(site / "data")
    (tmp_path / "built/audio_licenses.txt").rename(site / "audio_licenses.txt")
    (site / "data/download").mkdir()
    good = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (site / "audio-low").iterdir()}
    hashes = site / "data/download" / HASHES["low"]
    hashes.write_text("".join(f"{'0' * 64 if name == '1.tar' else good[name]} {name}\n" for name in sorted(good)))
    monkeypatch.setattr(jamendo, "N_TAGS", 3)
    with served(site) as address:
        url = address
        config = MtgJamendoData(root=str(tmp_path / "data/mtg"), seconds=1.0, download=True, url=url, lists_url=url)
        with pytest.raises(InputError, match=r"1.tar has SHA-256 [0-9a-f]{64}, not 0{64}"):
            MtgJamendo(config, 22050)
        assert not Path(str(config.root)).exists()
        work = tmp_path / "data/.mtg.download/whole/data/download" / HASHES["low"]
        work.write_text("".join(f"{good[name]} {name}\n" for name in sorted(good)))
        source = MtgJamendo(config, 22050)
    assert source.read(source.splits["val"][0])[0].size == RATE
