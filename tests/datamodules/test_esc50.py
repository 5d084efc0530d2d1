import csv
import pickle
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from configs.data_schema import Esc50Data
from configs.errors import CommandError, InputError
from datamodules.clip_source import ClipSource
from datamodules.esc50 import COLUMNS, Esc50

CATEGORIES = {0: "dog", 7: "sea_waves", 41: "chainsaw"}  # target -> category; 7 is not of ESC-10 here
Row = dict[str, Any]


def rows() -> list[Row]:
    """Three classes, five folds of two recordings with two takes each."""
    return [
        {"filename": f"{fold}-{fold}{source}{target}-{take}-{target}.wav", "fold": fold, "target": target,
         "category": category, "esc10": target != 7, "src_file": f"{fold}{source}{target}", "take": take}
        for fold in range(1, 6) for target, category in CATEGORIES.items() for source in (1, 2) for take in "AB"
    ]  # fmt: skip


def write(root: Path, table: list[Row]) -> Esc50Data:
    (root / "audio").mkdir(parents=True, exist_ok=True)
    (root / "meta").mkdir(exist_ok=True)
    for number, row in enumerate(table):
        soundfile.write(root / "audio" / Path(row["filename"]).name, np.full(100, 0.01 + number / 200), 8000)
    with (root / "meta/esc50.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, table[0])
        writer.writeheader()
        writer.writerows(table)
    return Esc50Data(root=str(root), validation_share=0.25)


def test_fold_is_the_test_split_and_classes_are_dense(tmp_path):
    config = write(tmp_path, rows())
    source = Esc50(replace(config, fold=3), 22050)
    assert isinstance(source, ClipSource)
    assert source.class_names == ("dog", "sea waves", "chainsaw")
    assert source.original_targets == (0, 7, 41)
    assert (source.name, source.multi_label) == ("esc50", False)
    assert {clip.name for clip in source.splits["test"]} == {row["filename"] for row in rows() if row["fold"] == 3}
    by_name = {row["filename"]: row for row in rows()}
    for clip in (clip for clips in source.splits.values() for clip in clips):
        assert source.original_targets[clip.target] == by_name[clip.name]["target"]
        assert clip.group == by_name[clip.name]["src_file"]
    assert "Piczak" in source.CITATION
    assert source.LICENCE == "CC BY-NC 3.0"


def test_the_subset_keeps_its_classes_and_needs_its_own_files_only(tmp_path):
    config = write(tmp_path, rows())
    for path in (tmp_path / "audio").glob("*-7.wav"):
        path.unlink()
    source = Esc50(replace(config, subset="esc10"), 22050)
    assert source.class_names == ("dog", "chainsaw")
    assert {clip.target for clips in source.splits.values() for clip in clips} == {0, 1}
    with pytest.raises(InputError, match=r"line 6: no file '1-117-A-7.wav' in .* \(and 19 more\)"):
        Esc50(config, 22050)


def test_validation_shares_no_recording_with_training_and_does_not_depend_on_row_order(tmp_path):
    config = write(tmp_path / "a", rows())
    one = Esc50(config, 22050).splits
    two = Esc50(write(tmp_path / "b", rows()[::-1]), 44100).splits
    for split in ("train", "val", "test"):
        assert {clip.name for clip in one[split]} == {clip.name for clip in two[split]}
    groups = {split: {clip.group for clip in one[split]} for split in one}
    assert not groups["train"] & groups["val"]
    assert Counter(clip.target for clip in one["val"]) == {0: 4, 1: 4, 2: 4}
    assert [len(one[split]) for split in ("train", "val", "test")] == [36, 12, 12]


def test_clips_are_read_and_keyed_by_their_content(tmp_path):
    config = write(tmp_path, rows())
    source = pickle.loads(pickle.dumps(Esc50(config, 22050)))
    clip = next(clip for clips in source.splits.values() for clip in clips if clip.name == rows()[10]["filename"])
    samples, rate = source.read(clip)
    np.testing.assert_allclose(samples, np.full(100, 0.06), atol=1e-4)
    assert rate == 8000
    assert source.seconds(clip) == pytest.approx(0.0125)
    assert source.stems(clip) is None
    keys = {source.content_key(clip) for clips in source.splits.values() for clip in clips}
    assert len(keys) == 60
    before = source.content_key(clip)
    soundfile.write(source.path(clip), np.full(100, 0.5), 8000)
    assert source.content_key(clip) != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filename": "../x.wav"}, "line 2: '../x.wav' leads out"),
        ({"filename": "/etc/passwd"}, "line 2: '/etc/passwd' is an absolute path"),
        ({"filename": "none.wav"}, "line 2: no file 'none.wav'"),
        ({"filename": rows()[1]["filename"]}, "line 3: .* is in the table twice, first on line 2"),
        ({"fold": 6}, "line 2: fold is '6'; expected 1 to 5"),
        ({"fold": ""}, "line 2: fold is ''"),
        ({"target": "dog"}, "line 2: target is 'dog'"),
        ({"target": "9" * 5000}, "line 2: target is '9"),
        ({"category": ""}, "line 2: category is blank"),
        ({"src_file": ""}, "line 2: src_file is blank"),
        ({"category": "cat"}, "line 3: target 0 is 'dog' here and 'cat' before"),
        ({"target": 99}, "line 3: category 'dog' is target 0 here and 99 before"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path, change, message):
    config = write(tmp_path, rows())
    table = rows()
    table[0] |= change
    with (tmp_path / "meta/esc50.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    with pytest.raises(InputError, match=message) as caught:
        Esc50(config, 22050)
    assert "esc50.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_link_out_of_the_root_is_refused(tmp_path):
    config = write(tmp_path / "root", rows())
    inside = tmp_path / "root/audio" / rows()[0]["filename"]
    inside.rename(tmp_path / "outside.wav")
    inside.symlink_to(tmp_path / "outside.wav")
    with pytest.raises(InputError, match="a link that leads out"):
        Esc50(config, 22050)


def test_tables_that_leave_nothing_to_learn_are_refused(tmp_path):
    config = write(tmp_path / "a", [row for row in rows() if row["fold"] != 2])
    with pytest.raises(InputError, match="no clip in fold 2"):
        Esc50(replace(config, fold=2), 22050)
    config = write(tmp_path / "b", [row for row in rows() if row["target"] == 0 or row["fold"] == 1])
    with pytest.raises(InputError, match="class 'sea waves' occurs in fold 1 only"):
        Esc50(config, 22050)
    config = write(tmp_path / "c", [row for row in rows() if row["target"] == 0])
    with pytest.raises(InputError, match="only the class 'dog'"):
        Esc50(replace(config, subset="esc10"), 22050)
    config = write(tmp_path / "d", [row for row in rows() if row["esc10"]])
    with pytest.raises(InputError, match=r"holds ESC-10 only; choose data\.subset=esc10"):
        Esc50(config, 22050)
    config = write(tmp_path / "e", [row | {"esc10": "yes"} for row in rows()])
    with pytest.raises(InputError, match="line 2: esc10 is 'yes'; expected True or False"):
        Esc50(replace(config, subset="esc10"), 22050)


def test_a_fold_without_some_class_is_warned_of(tmp_path):
    table = [row for row in rows() if row["category"] != "dog" or str(row["fold"]) != "1"]
    with pytest.warns(UserWarning, match=r"fold 1 \(test\) has no clip of class dog: no score there"):
        Esc50(write(tmp_path, table), 22050)


def test_recordings_that_cross_the_folds_are_warned_of(tmp_path):
    table = rows()
    table[0]["src_file"] = "220"
    with pytest.warns(UserWarning, match=r"1 recordings are in fold 1 and in another fold"):
        Esc50(write(tmp_path, table), 22050)


def test_a_root_that_is_not_the_release_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x").touch()
    for name, state in {
        "none": "does not exist",
        "empty": "is empty",
        "file": "is a file",
        "other": "is not ESC-50: it lacks meta/esc50.csv",
    }.items():
        offer = "" if name == "other" else "; data.download=true fetches it"
        with pytest.raises(InputError, match=f"data.root=.*{name} {state}.*{offer}$"):
            Esc50(Esc50Data(root=str(tmp_path / name)), 22050)
    write(tmp_path / "outer/ESC-50-master", rows())
    with pytest.raises(InputError, match=r"one folder deeper; give data.root=.*ESC-50-master"):
        Esc50(Esc50Data(root=str(tmp_path / "outer")), 22050)
    with pytest.raises(CommandError, match=r"data\.root is not set"):
        Esc50(Esc50Data(download=True), 22050)


@pytest.mark.real_data
@pytest.mark.parametrize("fold", [1, 2, 3, 4, 5])
def test_esc10_as_published(shared_data, fold):
    source = Esc50(Esc50Data(root=str(shared_data / "ESC-10"), subset="esc10", fold=fold), 22050)
    assert source.class_names == (
        "dog", "rooster", "rain", "sea waves", "crackling fire", "crying baby", "sneezing", "clock tick", "helicopter",
        "chainsaw",
    )  # fmt: skip
    assert Counter(clip.target for clip in source.splits["test"]) == dict.fromkeys(range(10), 8)
    assert all(clip.name.startswith(f"{fold}-") for clip in source.splits["test"])
    names = [clip.name for clips in source.splits.values() for clip in clips]
    assert len(names) == len(set(names)) == 400
    groups = {split: {clip.group for clip in clips} for split, clips in source.splits.items()}
    assert not groups["train"] & groups["val"]
    assert not groups["test"] & (groups["train"] | groups["val"])
    assert 54 <= len(source.splits["val"]) <= 74
    assert min(Counter(clip.target for clip in source.splits["val"]).values()) >= 3
    samples, rate = source.read(source.splits["val"][0])
    assert rate == 44100
    assert abs(samples.size / rate - 5.0) < 0.5
