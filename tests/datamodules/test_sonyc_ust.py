"""SONYC-UST v2: official splits, votes, unknown labels on both levels, and every fault named; on a miniature."""

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

import datamodules.sonyc_ust as sonyc
from configs.dataset_schema import SonycUstData
from configs.errors import CommandError, InputError
from datamodules.clip_source import ClipSource
from datamodules.sonyc_ust import SonycUst, check_release
from tests.datamodules.loopback import served
from tests.miniature_sonyc import FINE, HEADER, row, write_audio, write_miniature, write_table


def open_set(root: Path, labels: str = "coarse") -> SonycUst:
    return SonycUst(SonycUstData(root=str(root), labels=labels), 22050)  # type: ignore[arg-type]


def written(root: Path, rows, **changes) -> Path:
    write_table(root, rows, **changes)
    write_audio(root, {str(cells["audio_filename"]): () for cells in rows})
    return root


def by_name(source: SonycUst) -> dict:
    return {clip.name: clip for clips in source.splits.values() for clip in clips}


def few(*rows):
    """Rows of one clip each for the splits that a test does not care about, and those it does."""
    return [*rows, row("train", "t.wav", 1, ["1-1"]), row("validate", "v.wav", 0, ["5-1"])]


def test_official_splits_and_class_names_of_the_header(tmp_path, capsys):
    source = open_set(write_miniature(tmp_path))
    assert isinstance(source, ClipSource)
    assert source.class_names == ("engine", "alert signal", "dog")
    assert source.multi_label
    assert {split: len(clips) for split, clips in source.splits.items()} == {"train": 24, "val": 8, "test": 8}
    assert all(clip.name.startswith("validate") for clip in source.splits["val"])
    said = capsys.readouterr().err
    assert "CC BY 4.0" in said
    assert "Cartwright" in said
    assert "3 recordings have no labels that count" in said
    fine = open_set(tmp_path, "fine")
    assert fine.class_names == (
        "small sounding engine", "large sounding engine", "car horn", "dog barking whining",
    )  # fmt: skip
    assert source.read(source.splits["test"][0])[1] == 8000


def test_one_volunteer_is_enough_in_training_and_the_team_does_not_count(tmp_path):
    rows = few(
        row("train", "a.wav", 1, []), row("train", "a.wav", 2, ["1-1"]), row("train", "a.wav", 3, []),
        row("train", "a.wav", 0, ["8-1"]), row("train", "a.wav", -4, ["8-1"]),
        row("train", "team.wav", 0, ["8-1"]),
    )  # fmt: skip
    source = open_set(written(tmp_path, rows))
    clip = by_name(source)["a.wav"]
    assert (clip.target, clip.observed) == ((1.0, 0.0, 0.0), (True, True, True))
    assert "team.wav" not in by_name(source)


def test_only_what_the_team_agreed_on_counts_in_validation_and_test(tmp_path):
    rows = few(
        row("test", "a.wav", 1, ["1-1"]), row("test", "a.wav", -1, ["5-1"]), row("test", "a.wav", 0, ["8-1"]),
        row("validate", "b.wav", 1, ["1-1"]), row("validate", "b.wav", -2, ["1-1"]),
    )  # fmt: skip
    clips = by_name(open_set(written(tmp_path, rows)))
    assert clips["a.wav"].target == (0.0, 0.0, 1.0)
    assert "b.wav" not in clips


def test_what_nobody_labelled_is_unknown_and_cancels_no_vote(tmp_path):
    rows = few(
        row("train", "a.wav", 1, ["1-1"], {"5"}), row("train", "a.wav", 2, [], {"1", "5"}),
        row("train", "a.wav", 3, [], {"1", "5"}), row("test", "b.wav", 0, ["1-1"], {"5", "8"}),
        row("test", "c.wav", 0, [], {"1", "5", "8"}),
    )  # fmt: skip
    clips = by_name(open_set(written(tmp_path, rows)))
    # 1 - 1 - 1 is below zero, and present all the same: a missing label is no vote.
    assert (clips["a.wav"].target, clips["a.wav"].observed) == ((1.0, 0.0, 0.0), (True, False, True))
    assert (clips["b.wav"].target, clips["b.wav"].observed) == ((1.0, 0.0, 0.0), (True, False, False))
    assert "c.wav" not in clips


def test_an_uncertain_kind_hides_the_absent_fine_classes_of_that_kind(tmp_path):
    rows = few(
        row("train", "a.wav", 1, ["1-1"]), row("train", "a.wav", 2, ["1-X"]), row("test", "b.wav", 0, ["1-X", "8-1"]),
    )  # fmt: skip
    root = written(tmp_path, rows)
    fine, coarse = by_name(open_set(root, "fine")), by_name(open_set(root))
    assert (fine["a.wav"].target, fine["a.wav"].observed) == ((1.0, 0.0, 0.0, 0.0), (True, False, True, True))
    assert (fine["b.wav"].target, fine["b.wav"].observed) == ((0.0, 0.0, 0.0, 1.0), (False, False, True, True))
    assert (coarse["b.wav"].target, coarse["b.wav"].observed) == ((1.0, 0.0, 1.0), (True, True, True))


def test_a_sensor_in_training_and_validation_is_warned_of(tmp_path):
    rows = few(row("train", "a.wav", 1, ["1-1"]) | {"sensor_id": 2})
    with pytest.warns(UserWarning, match="1 sensors are in train and in validate, the first is sensor 2"):
        open_set(written(tmp_path, rows))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("train", "a.wav", 1, []), row("train", "a.wav", 1, [])], "line 3: a.wav has two rows of annotator 1"),
        ([row("test", "a.wav", 0, []), row("test", "a.wav", 0, [])], "line 3: a.wav has two rows of annotator 0"),
        ([row("train", "a.wav", 1, []), row("test", "a.wav", 2, [])], "line 3: a.wav is in test here and in another"),
        ([row("train", "a.wav", 1, []) | {"split": "dev"}], "line 2: split is 'dev'"),
        ([row("train", "a.wav", 1, []) | {"8_dog_presence": 2}], "line 2: 8_dog_presence is '2'; expected 1, 0 or -1"),
        ([row("train", "a.wav", 1, []) | {"8_dog_presence": ""}], "8_dog_presence is ''"),
        ([row("train", "a.wav", 1, []) | {"annotator_id": "x"}], "line 2: annotator_id is 'x'"),
        ([row("train", "", 1, [])], "line 2: audio_filename is blank"),
        ([row("train", "../a.wav", 1, ["1-1"])], "leads out of the data root"),
    ],
)
def test_rows_that_cannot_be_used_are_named_in_one_line(tmp_path, rows, message):
    write_table(tmp_path, rows)
    write_audio(tmp_path, {"a.wav": ()})
    with pytest.raises(InputError, match=message) as caught:
        open_set(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_said(tmp_path):
    root = write_miniature(tmp_path / "outer/sonyc")
    with pytest.raises(InputError, match=r"one folder deeper; give data.root=.*sonyc"):
        open_set(tmp_path / "outer")
    with pytest.raises(CommandError, match=r"data\.root is not set"):
        SonycUst(SonycUstData(), 22050)
    (root / "audio/test_003.wav").unlink()
    with pytest.raises(InputError, match=r"lacks 1 of 40 recordings that annotations.csv names, .* audio/test_003.wav"):
        open_set(root)
    with pytest.raises(InputError, match="has 3 coarse classes where the release has 8"):
        check_release(root)
    write_table(root, few(), [name for name in HEADER if name != "annotator_id"])
    with pytest.raises(InputError, match="has no column annotator_id; it is not SONYC-UST's"):
        open_set(root)
    write_table(root, few(), [name for name in HEADER if "presence" not in name])
    with pytest.raises(InputError, match=r"has 0 coarse columns"):
        open_set(root)
    write_table(root, few())
    with (root / "annotations.csv").open("a") as handle:
        handle.write("train,1\n")
    with pytest.raises(InputError, match=r"line 4: 2 cells where the header has 27"):
        open_set(root)
    (root / "annotations.csv").unlink()
    with pytest.raises(InputError, match=r"is not SONYC-UST v2: it lacks annotations.csv"):
        open_set(root)


def test_it_is_fetched_part_by_part_checked_and_used(tmp_path, monkeypatch):
    """The publisher's files, in miniature: a table and archives of audio, each with its MD5."""
    built, site = write_miniature(tmp_path / "built"), tmp_path / "site"
    site.mkdir()
    (site / "annotations.csv").write_bytes((built / "annotations.csv").read_bytes())
    for number in range(2):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for path in sorted((built / "audio").iterdir())[number::2]:
                archive.add(path, f"audio-{number}/{path.name}")
        (site / f"audio-{number}.tar.gz").write_bytes(buffer.getvalue())
    hashes = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in site.iterdir()}
    monkeypatch.setattr(sonyc, "MD5", hashes)
    monkeypatch.setattr(sonyc, "check_release", lambda root: None)
    with served(site) as address:
        config = SonycUstData(root=str(tmp_path / "data/sonyc"), download=True, url=address)
        monkeypatch.setitem(hashes, "audio-1.tar.gz", "0" * 32)
        with pytest.raises(InputError, match=r"audio-1.tar.gz has MD5 [0-9a-f]{32}, not 0{32}: damaged or replaced"):
            SonycUst(config, 22050)
        assert not Path(str(config.root)).exists()
        hashes["audio-1.tar.gz"] = hashlib.md5((site / "audio-1.tar.gz").read_bytes()).hexdigest()
        source = SonycUst(config, 22050)
    assert len(source.splits["train"]) == 24
    assert len(SonycUst(replace(config, labels="fine"), 22050).class_names) == len(FINE) - 2
