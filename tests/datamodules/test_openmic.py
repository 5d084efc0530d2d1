"""OpenMIC-2018: the official split, partial labels, and every fault named; on a miniature of the layout."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from configs.data_schema import AugmentationConfig, OpenMicData
from configs.errors import CommandError, InputError
from datamodules.audio_datamodule import AudioDataModule
from datamodules.clip_source import ClipSource
from datamodules.openmic import OpenMic, check_release, missing_parts
from datamodules.openmic_labels import read_labels

NAMES = ("cello", "mallet_percussion", "voice")
KEYS = [f"{number:06d}_{100 * number}" for number in range(12)]
TRAIN, TEST = KEYS[:9], KEYS[9:]


def truth() -> tuple[np.ndarray, np.ndarray]:
    """Shares and masks (12, 3): half the labels are known, cello at or above 0.5 in every other clip."""
    share = np.full((12, 3), 0.5)
    share[:, 0] = np.where(np.arange(12) % 2, 0.5, 0.49)
    share[:, 1] = np.where(np.arange(12) % 3, 0.1, 0.9)
    mask = np.ones((12, 3), dtype=bool)
    mask[::4, 1] = False
    mask[:, 2] = False
    return share, mask


def write(root: Path, keys: tuple[str, ...] = tuple(KEYS), arrays: bool = True, table: bool = False) -> OpenMicData:
    (root / "partitions").mkdir(parents=True)
    (root / "class-map.json").write_text(json.dumps({name: number for number, name in enumerate(NAMES)}))
    (root / "partitions/split01_train.csv").write_text("\n".join(TRAIN) + "\n")
    (root / "partitions/split01_test.csv").write_text("\n".join(TEST) + "\n")
    for key in KEYS:
        path = root / "audio" / key[:3] / f"{key}.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(4000, 0.1), 8000)
    share, mask = truth()
    if arrays:
        X = np.zeros((len(keys), 10, 128), dtype=np.uint8)
        np.savez(root / "openmic-2018.npz", X=X, Y_true=share, Y_mask=mask, sample_key=np.array(keys))
    if table:
        rows = [(key, NAMES[c], f"{share[n, c]:.5f}", 3) for n, key in enumerate(keys) for c in range(3) if mask[n, c]]
        write_rows(root / "openmic-2018-aggregated-labels.csv", rows)
    return OpenMicData(root=str(root), validation_share=0.25)


def write_rows(path: Path, rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows([("sample_key", "instrument", "relevance", "num_responses"), *rows])


def test_the_official_lists_are_the_split_and_labels_are_partial(tmp_path, capsys):
    source = OpenMic(write(tmp_path), 22050)
    assert isinstance(source, ClipSource)
    assert source.class_names == ("cello", "mallet percussion", "voice")
    assert source.multi_label
    assert [clip.name for clip in source.splits["test"]] == TEST
    assert {clip.name for split in ("train", "val") for clip in source.splits[split]} == set(TRAIN)
    assert len(source.splits["val"]) == 2
    share, mask = truth()
    for clip in (clip for clips in source.splits.values() for clip in clips):
        number = KEYS.index(clip.name)
        assert clip.observed == tuple(mask[number])
        assert clip.target == tuple(float(m and s >= 0.5) for s, m in zip(share[number], mask[number], strict=True))
    samples, rate = source.read(source.splits["test"][0])
    assert (rate, samples.shape) == (8000, (4000,))
    said = capsys.readouterr().err
    assert "Humphrey" in said
    assert "CC BY 4.0" in said


def test_arrays_and_table_say_the_same(tmp_path):
    write(tmp_path / "arrays")
    write(tmp_path / "table", arrays=False, table=True)
    assert read_labels(tmp_path / "arrays", NAMES) == read_labels(tmp_path / "table", NAMES)


def test_clips_of_one_artist_stay_together(tmp_path):
    config = write(tmp_path)
    with (tmp_path / "openmic-2018-metadata.csv").open("w", newline="") as handle:
        artists = [(key, number // 3) for number, key in enumerate(KEYS)]
        csv.writer(handle).writerows([("sample_key", "artist_id"), *artists])
    source = OpenMic(config, 22050)
    assert {clip.group for clip in source.splits["test"]} == {"artist 3"}
    train, val = ({clip.group for clip in source.splits[split]} for split in ("train", "val"))
    assert not train & val
    assert len(source.splits["val"]) == 3
    (tmp_path / "openmic-2018-metadata.csv").write_text(
        "sample_key,artist_id\n" + "".join(f"{key},7\n" for key in KEYS)
    )
    with pytest.raises(InputError, match="artist 7 is in the training and in the test list"):
        OpenMic(config, 22050)


def test_batches_carry_what_is_known(tmp_path):
    source = OpenMic(write(tmp_path), 8000)
    config = OpenMicData(seconds=0.5, batch_size=2, cache_dir=str(tmp_path / "cache"))
    data = AudioDataModule(source, config, 8000, AugmentationConfig(), 0, min_samples=256, progress=False)
    with pytest.warns(UserWarning, match="no training clip of class voice"):
        batch = data.batch("test", [0, 1, 2])
    _, mask = truth()
    np.testing.assert_array_equal(batch.observed.numpy(), mask[9:])


def spoil(root: Path, fault: str) -> None:
    """Spoil one thing of a copy."""
    share, mask = truth()
    train, test, no_share = "partitions/split01_train.csv", "partitions/split01_test.csv", share.copy()
    no_share[3, 0] = np.nan
    texts = {
        "double in a list": (train, "\n".join([*TRAIN, TRAIN[0]])),
        "in both lists": (test, "\n".join([*TEST, TRAIN[0]])),
        "empty list": (test, "\n"),
        "climbing key": (train, "\n".join([*TRAIN, "../x"])),
        "numbers with a gap": ("class-map.json", '{"cello": 0, "mallet_percussion": 1, "voice": 3}'),
        "no JSON": ("class-map.json", "cello"),
    }
    arrays = {
        "key without labels": (share[1:], mask[1:], KEYS[1:]),
        "double key": (share, mask, [*KEYS[:-1], KEYS[0]]),
        "too few classes": (share[:, :2], mask[:, :2], KEYS),
        "no share": (no_share, mask, KEYS),
        "pickle": (share, mask, np.array(KEYS, dtype=object)),
        "no mask": (share, None, KEYS),
    }
    file = root / "openmic-2018.npz"
    if fault in texts:
        name, text = texts[fault]
        (root / name).write_text(text)
    elif fault in arrays:
        entries = zip(("Y_true", "Y_mask", "sample_key"), arrays[fault], strict=True)
        np.savez(file, **{name: np.asarray(array) for name, array in entries if array is not None})
    elif fault == "truncated":
        file.write_bytes(file.read_bytes()[:200])
    else:
        (root / "audio" / KEYS[2][:3] / f"{KEYS[2]}.ogg").unlink()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("key without labels", f"names {KEYS[0]}, which has no labels"),
        ("double key", f"npz: {KEYS[0]} is there twice"),
        ("too few classes", r"Y_true has shape \(12, 2\); class-map.json and sample_key ask for \(12, 3\)"),
        ("no share", f"Y_true of {KEYS[3]} is nan; expected a share"),
        ("pickle", "npz cannot be read .*allow_pickle"),
        ("no mask", "has no array 'Y_mask'"),
        ("truncated", "npz cannot be read .*truncated or damaged"),
        ("double in a list", f"split01_train.csv: {KEYS[0]} is there twice, again as number 10"),
        ("in both lists", f"{KEYS[0]} is in both split lists"),
        ("empty list", r"split list .*split01_test\.csv is empty"),
        ("climbing key", "names ../x, which has no labels"),
        ("no audio", f"lacks 1 of 12 recordings .* audio/000/{KEYS[2]}.ogg"),
        ("numbers with a gap", "must map at least two class names to the numbers 0, 1"),
        ("no JSON", "cannot be read as JSON"),
    ],
)
def test_each_fault_is_named_in_one_line(tmp_path, fault, message):
    config = write(tmp_path)
    spoil(tmp_path, fault)
    with pytest.raises(InputError, match=message) as caught:
        OpenMic(config, 22050)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((KEYS[0], "kazoo", "0.9", 3), "line 2: instrument 'kazoo' is not in class-map.json"),
        ((KEYS[0], "cello", "1.5", 3), "line 2: relevance is '1.5'"),
        ((KEYS[0], "cello", "often", 3), "line 2: relevance is 'often'"),
        ((KEYS[1], "cello", "0.5", 3), f"line 3: {KEYS[1]} has two rows for 'cello'"),
    ],
)
def test_rows_of_the_table_that_cannot_be_used_are_named(tmp_path, row, message):
    config = write(tmp_path, arrays=False, table=True)
    rows = [row, (KEYS[1], "cello", "0.5", 3)]
    write_rows(tmp_path / "openmic-2018-aggregated-labels.csv", rows)
    with pytest.raises(InputError, match=message):
        OpenMic(config, 22050)


def test_a_root_that_is_not_the_release_is_named(tmp_path):
    config = write(tmp_path / "outer" / "openmic-2018")
    with pytest.raises(InputError, match=r"one folder deeper; give data.root=.*openmic-2018"):
        OpenMic(replace(config, root=str(tmp_path / "outer")), 22050)
    with pytest.raises(InputError, match="does not exist"):
        OpenMic(replace(config, root=str(tmp_path / "none")), 22050)
    with pytest.raises(CommandError, match=r"data\.root is not set"):
        OpenMic(replace(config, root=None), 22050)
    root = tmp_path / "outer" / "openmic-2018"
    (root / "openmic-2018.npz").unlink()
    (root / "partitions/split01_test.csv").unlink()
    assert len(missing_parts(root)) == 2
    with pytest.raises(InputError, match=r"lacks partitions/split01_test.csv, openmic-2018.npz \(or"):
        OpenMic(config, 22050)


def test_a_downloaded_copy_is_compared_with_the_release(tmp_path):
    write(tmp_path)
    with pytest.raises(InputError, match="it has 3 classes where the release has 20"):
        check_release(tmp_path)


@pytest.mark.real_data
def test_the_miniature_of_real_instruments(shared_data):
    source = OpenMic(OpenMicData(root=str(shared_data / "mini-openmic")), 22050)
    assert len(source.class_names) == 20
    assert [len(source.splits[split]) for split in ("train", "val", "test")] == [264, 66, 110]
    held = {split: np.array([clip.target for clip in clips]).sum(0) for split, clips in source.splits.items()}
    for counts in held.values():
        assert [name for name, count in zip(source.class_names, counts, strict=True) if count] == [
            "banjo", "bass", "cello", "clarinet", "flute", "guitar", "mandolin", "saxophone", "trombone",
        ]  # fmt: skip
    assert held["val"][held["val"] > 0].min() >= 10
    samples, rate = source.read(source.splits["val"][0])
    assert rate == 44100
    assert abs(samples.size / rate - 10) < 0.1
