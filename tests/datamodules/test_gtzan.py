"""GTZAN: the fault-filtered lists of torchaudio, copies in use, and what is missing; on a miniature of the layout."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from configs.dataset_schema import GtzanData
from configs.errors import InputError
from datamodules.clip_source import ClipSource
from datamodules.gtzan import GENRES, Gtzan, check_release, filtered_lists, split_clips


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A hundred short tracks of each genre, as torchaudio unpacks them."""
    root = tmp_path_factory.mktemp("gtzan")
    first = root / "blues.wav"
    soundfile.write(first, np.full(400, 0.1), 8000)
    content = first.read_bytes()
    first.unlink()
    for genre in GENRES:
        (root / "genres" / genre).mkdir(parents=True)
        for number in range(100):
            (root / "genres" / genre / f"{genre}.{number:05d}.wav").write_bytes(content)
    return root


def test_the_filtered_lists_are_the_splits(copy, capsys):
    source = Gtzan(GtzanData(root=str(copy)), 22050)
    assert isinstance(source, ClipSource)
    assert source.class_names == GENRES
    assert [len(source.splits[split]) for split in ("train", "val", "test")] == [443, 197, 290]
    lists = filtered_lists()
    for split, clips in source.splits.items():
        assert [clip.name for clip in clips] == lists[split]
        assert {GENRES[clip.target] for clip in clips} == set(GENRES)  # type: ignore[index]
        assert all(clip.name.startswith(GENRES[clip.target]) for clip in clips)  # type: ignore[index]
    names = [clip.name for clips in source.splits.values() for clip in clips]
    assert len(set(names)) == 930
    assert source.read(source.splits["test"][0])[0].shape == (400,)
    said = capsys.readouterr().err
    assert "Tzanetakis" in said
    assert "Kereliuk" in said


def test_the_lists_are_those_that_torchaudio_reads(copy):
    from torchaudio.datasets import GTZAN

    lists = filtered_lists()
    for subset, split in (("training", "train"), ("validation", "val"), ("testing", "test")):
        assert GTZAN(copy, subset=subset)._walker == lists[split]  # type: ignore[index]


def test_copies_without_the_folder_or_in_au_are_read(copy, tmp_path):
    Gtzan(GtzanData(root=str(copy / "genres")), 22050)
    for genre in GENRES:
        (tmp_path / genre).mkdir()
    paths = {"train": ["blues.00001"], "val": ["rock.00002"], "test": ["pop.00003"]}
    for (name,) in paths.values():
        soundfile.write(tmp_path / name.partition(".")[0] / f"{name}.au", np.full(400, 0.1), 8000)
    splits, files = split_clips(paths, tmp_path)  # type: ignore[arg-type]
    assert files["rock.00002"].suffix == ".au"
    assert splits["val"][0].target == 9


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"train": ["blues.00001"], "val": ["ska.00002"]}, "the val list names 'ska.00002'; expected GENRE.NUMBER"),
        ({"train": ["blues.00001"], "val": ["blues.../x"]}, "the val list names 'blues.../x'"),
        ({"train": ["blues.00001"], "val": ["blues.00001"]}, "the val list names blues.00001, which stands in"),
        ({"train": ["blues.00001", "blues.00100"]}, r"lacks 1 of 2 tracks .* is blues/blues.00100.wav \(or .au\)"),
    ],
)
def test_lists_that_cannot_be_used_are_named(copy, lists, message):
    with pytest.raises(InputError, match=message):
        split_clips(lists, copy / "genres")


def test_what_is_missing_is_said(copy, tmp_path):
    check_release(copy)
    with pytest.raises(InputError, match=r"does not exist; expected GTZAN there; data\.download=true fetches it"):
        Gtzan(GtzanData(root=str(tmp_path / "no")), 22050)
    (tmp_path / "part" / "blues").mkdir(parents=True)
    with pytest.raises(InputError, match="is not GTZAN: it lacks classical, country"):
        Gtzan(GtzanData(root=str(tmp_path / "part")), 22050)
    track = copy / "genres/jazz/jazz.00054.wav"
    content = track.read_bytes()
    try:
        track.write_bytes(b"")
        with pytest.raises(InputError, match=r"jazz/jazz\.00054\.wav is empty"):
            check_release(copy)
        track.unlink()
        with pytest.raises(InputError, match="it has 99 tracks of jazz where the set has 100"):
            check_release(copy)
        with pytest.raises(InputError, match=r"lacks 1 of 930 tracks .* jazz/jazz.00054.wav"):
            Gtzan(GtzanData(root=str(copy)), 22050)
    finally:
        track.write_bytes(content)
