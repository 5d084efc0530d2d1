"""UrbanSound8K: the ten official folds, and every fault named in one line; on a miniature of the layout."""

import csv
import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

import datamodules.urbansound8k as urban
from configs.compose import compose
from configs.dataset_schema import UrbanSound8KData
from configs.errors import CommandError, InputError
from datamodules.clip_source import ClipSource
from datamodules.urbansound8k import UrbanSound8K, check_release
from tests.datamodules.loopback import served

NAMES = ("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot",
         "jackhammer", "siren", "street_music")  # fmt: skip
Row = dict[str, object]


def _sound() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(80, 0.1), 8000, format="WAV")
    return file.getvalue()


SOUND = _sound()


def rows() -> list[Row]:
    """Two slices of one recording of each class in each fold."""
    return [
        {"slice_file_name": f"{1000 * fold + number}-{number}-0-{part}.wav", "fsID": 1000 * fold + number, "start": 0,
         "end": 4, "salience": 1, "fold": fold, "classID": number, "class": NAMES[number]}
        for fold in range(1, 11) for number in range(10) for part in range(2)
    ]  # fmt: skip


def write(root: Path, table: list[Row], audio: bool = True) -> UrbanSound8KData:
    (root / "metadata").mkdir(parents=True, exist_ok=True)
    with (root / urban.TABLE).open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows()[0]))
        writer.writeheader()
        writer.writerows(table)
    for fold in range(1, 11):
        (root / f"audio/fold{fold}").mkdir(parents=True, exist_ok=True)
    for cells in table if audio else ():
        path = root / f"audio/fold{cells['fold']}/{cells['slice_file_name']}"
        if path.parent.is_dir() and path.name:
            path.write_bytes(SOUND)
    return UrbanSound8KData(root=str(root))


def folds(source: UrbanSound8K) -> dict[str, set[str]]:
    return {split: {clip.name.partition("/")[0] for clip in clips} for split, clips in source.splits.items()}


@pytest.mark.parametrize(("fold", "val"), [(1, 2), (7, 8), (10, 1)])
def test_a_fold_tests_and_the_next_validates(tmp_path, capsys, fold, val):
    write(tmp_path, rows())
    source = UrbanSound8K(UrbanSound8KData(root=str(tmp_path), fold=fold), 22050)
    assert isinstance(source, ClipSource)
    assert source.class_names[:2] == ("air conditioner", "car horn")
    rest = {f"fold{number}" for number in range(1, 11)} - {f"fold{fold}", f"fold{val}"}
    assert folds(source) == {"train": rest, "val": {f"fold{val}"}, "test": {f"fold{fold}"}}
    assert [len(source.splits[split]) for split in ("train", "val", "test")] == [160, 20, 20]
    clip = source.splits["test"][5]
    assert (clip.target, clip.group) == (2, str(1000 * fold + 2))
    assert source.read(clip)[0].shape == (80,)
    assert "CC BY-NC" in capsys.readouterr().err


def test_another_fold_may_validate(tmp_path):
    write(tmp_path, rows())
    source = UrbanSound8K(UrbanSound8KData(root=str(tmp_path), fold=3, validation_fold=9), 22050)
    assert folds(source)["val"] == {"fold9"}
    with pytest.raises(CommandError, match=r"data.validation_fold=3 is data.fold, the test"):
        compose(["experiment=urbansound8k_by_design", "data.root=x", "data.fold=3", "data.validation_fold=3"])
    with pytest.raises(CommandError, match=r"data.fold=11 must lie between 1 and 10"):
        compose(["experiment=urbansound8k_by_design", "data.root=x", "data.fold=11"])
    with pytest.raises(CommandError, match=r"data.root is needed by data.name=urbansound8k"):
        compose(["experiment=urbansound8k_by_design"])


def changed(place: int, **cells: object) -> list[Row]:
    table = rows()
    table[place] |= cells
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (changed(3, fold=11), r"line 5: fold is '11'; expected 1 to 10"),
        (changed(3, classID=10), r"line 5: classID is '10'; expected 0 to 9"),
        (changed(3, classID="x"), r"line 5: classID is 'x'"),
        (changed(3, **{"class": "cat"}), r"line 5: classID 1 is 'cat' here and 'car horn' before"),
        (changed(3, fsID=""), r"line 5: fsID is blank"),
        (changed(3, slice_file_name=rows()[2]["slice_file_name"]), r"is in the table twice, first on line 4"),
        (changed(3, slice_file_name="../../x.wav"), r"line 5: .* leads out of the data root"),
        ([r | {"class": "siren"} if r["classID"] == 1 else r for r in rows()], "'siren' has two numbers"),
        ([r for r in rows() if r["classID"] != 4], "has no clip of classID 4"),
        ([r for r in rows() if r["fold"] != 1], "has no clip in fold 1; choose another data.fold"),
        ([r for r in rows() if r["classID"] != 4 or int(str(r["fold"])) < 3], "in folds 1 and 2 only"),
    ],
)  # fmt: skip
def test_each_fault_is_named_in_one_line(tmp_path, table, message):
    config = write(tmp_path, table)
    with pytest.raises(InputError, match=message) as caught:
        UrbanSound8K(config, 22050)
    assert "\n" not in str(caught.value)


def test_a_fold_without_a_class_and_a_recording_in_two_folds_are_warned_of(tmp_path):
    config = write(tmp_path / "a", [r for r in rows() if r["classID"] != 4 or r["fold"] != 1])
    with pytest.warns(UserWarning, match=r"fold 1 \(test\) has no clip of class drilling"):
        UrbanSound8K(config, 22050)
    config = write(tmp_path / "b", changed(0, fsID=5000))
    with pytest.warns(UserWarning, match="1 recordings are in fold 1 and in another fold, the first is fsID 5000"):
        UrbanSound8K(config, 22050)


def test_what_is_missing_is_said(tmp_path):
    config = write(tmp_path / "outer/UrbanSound8K", rows())
    with pytest.raises(InputError, match=r"one folder deeper; give data.root=.*UrbanSound8K"):
        UrbanSound8K(UrbanSound8KData(root=str(tmp_path / "outer")), 22050)
    with pytest.raises(InputError, match="200 rows where the release has 8,732"):
        check_release(tmp_path / "outer/UrbanSound8K")
    next((tmp_path / "outer/UrbanSound8K/audio/fold4").iterdir()).unlink()
    with pytest.raises(InputError, match=r"line \d+: no file 'fold4/"):
        UrbanSound8K(config, 22050)
    (tmp_path / "outer/UrbanSound8K/audio/fold4").rename(tmp_path / "outer/UrbanSound8K/audio/old")
    with pytest.raises(InputError, match=r"is not UrbanSound8K: it lacks audio/fold4$"):
        UrbanSound8K(config, 22050)


def test_the_archive_is_fetched_and_compared_with_its_hash(tmp_path, monkeypatch):
    write(tmp_path / "UrbanSound8K", rows())
    (tmp_path / "site").mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(tmp_path / "UrbanSound8K", "UrbanSound8K")
    whole = buffer.getvalue()
    monkeypatch.setattr(urban, "N_CLIPS", 200)
    root = tmp_path / "data/us8k"
    with served(tmp_path / "site") as address:
        url, md5 = f"{address}/all.tar.gz", hashlib.md5(whole).hexdigest()
        config = UrbanSound8KData(root=str(root), download=True, url=url, archive_md5=md5)
        (tmp_path / "site/all.tar.gz").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match="has MD5"):
            UrbanSound8K(config, 22050)
        unchecked = UrbanSound8KData(root=str(root), download=True, url=url, archive_md5=None)
        with pytest.raises(InputError, match="broken or cut short"):
            UrbanSound8K(unchecked, 22050)
        assert not root.exists()
        (tmp_path / "site/all.tar.gz").write_bytes(whole)
        assert len(UrbanSound8K(config, 22050).splits["test"]) == 20
