"""The Jamendo corpus on a miniature of its layout: excerpts, splits, and what is missing."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from configs.data_schema import AugmentationConfig
from configs.errors import InputError
from configs.jamendo_schema import JamendoData
from datamodules.audio_datamodule import AudioDataModule
from datamodules.clip_source import ClipSource
from datamodules.excerpts import ExcerptSource
from datamodules.jamendo import Jamendo, check_corpus, missing_parts
from tests.miniature_jamendo import RATE, SONGS, write_corpus

SECONDS = 6.0


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("jamendo") / "corpus", SECONDS, 1.5)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def source(root: Path, **settings: Any) -> Jamendo:
    return Jamendo(JamendoData(root=str(root), **{"seconds": 1.2, **settings}), RATE)


def module(root: Path, cache: Path, **settings: Any) -> AudioDataModule:
    config = JamendoData(root=str(root), **{"seconds": 1.2, "cache_dir": str(cache), "batch_size": 4, **settings})
    none = AugmentationConfig(enabled=False)
    return AudioDataModule(Jamendo(config, RATE), config, RATE, none, seed=0, progress=False)


def test_every_frame_within_a_training_song_has_an_excerpt(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = source(corpus)
    assert isinstance(found, ClipSource)
    assert isinstance(found, ExcerptSource)
    assert "Please cite M. Ramona" in capsys.readouterr().err
    n_frames = round(SECONDS * 70) + 1
    clips = found.splits["train"]
    assert len(clips) == 3 * (n_frames - 2 * 42)  # 1.2 s are 84 frames: those nearer than 42 to an end have none
    assert clips[0].name == "05 - Crepuscule.ogg@000042"
    assert clips[-1].name == f"L'envie - a deux.ogg@{n_frames - 43:06d}"
    assert {clip.group for clip in clips} == set(SONGS["train"])
    assert [found.splits[split][0].group for split in ("val", "test")] == [SONGS["valid"][0], SONGS["test"][0]]
    with pytest.raises(IndexError):
        clips[len(clips)]


def test_labels_are_those_of_the_frame_in_the_middle(corpus: Path) -> None:
    found = source(corpus, train_step=7)
    for clip in found.splits["train"]:
        song, _, frame = clip.name.partition("@")
        turn = int(int(frame) / 70 / 1.5) + SONGS["train"].index(song)
        assert clip.target == turn % 2
    targets = found.frame_targets(SONGS["train"][0])
    assert targets[:105].sum() == 0
    assert targets[105:210].sum() == 105
    assert len(source(corpus, evaluation_step=35).splits["val"]) == 13  # both ends too


def test_an_excerpt_is_the_sound_around_its_frame_and_silence_beyond_the_song(corpus: Path, cache: Path) -> None:
    data = module(corpus, cache, evaluation_step=105)
    song = next(iter(data.whole_recordings("val")))
    assert song.n_samples == round(SECONDS * RATE)
    whole = song.read(0, song.n_samples)
    n = round(1.2 * RATE)
    padded = np.pad(whole, (n // 2, n))
    batch = data.batch("val", range(len(data.dataset("val"))))
    assert batch.length.tolist() == [n] * 5
    for place, waveform in enumerate(batch.waveform.numpy()):
        np.testing.assert_array_equal(waveform, padded[place * 105 * 315 :][:n])
    np.testing.assert_array_equal(song.read(-10, 30)[:10], np.zeros(10))
    np.testing.assert_array_equal(song.read(song.n_samples + 5, 3), np.zeros(3))
    np.testing.assert_array_equal(song.read(100, 50), whole[100:150])


def test_training_batches_are_shuffled_excerpts_of_the_same_samples(corpus: Path, cache: Path) -> None:
    data = module(corpus, cache)
    batch = next(iter(data.train_dataloader()))
    dataset = data.dataset("train")
    names = [data.clip("train", int(i)).name for i in batch.index]
    assert len({name.partition("@")[0] for name in names}) > 1
    for row, index in enumerate(batch.index.tolist()):
        np.testing.assert_array_equal(batch.waveform[row].numpy(), dataset[index].waveform)
        assert int(batch.target[row]) == dataset.clips[index].target
    again = pickle.loads(pickle.dumps(dataset))  # as a worker gets it
    np.testing.assert_array_equal(again[3].waveform, dataset[3].waveform)


def test_only_songs_are_cached_and_counted(corpus: Path, cache: Path) -> None:
    data = module(corpus, cache)
    facts = data.describe()
    assert facts["cache_bytes"] == 2 * 5 * round(SECONDS * RATE)
    assert facts["train"] == len(data.source.splits["train"])


def test_permuted_labels_keep_their_numbers(corpus: Path, cache: Path) -> None:
    plain, dealt = module(corpus, cache), module(corpus, cache, permuted_labels=True)
    before, after = (targets(m.dataset("train").clips) for m in (plain, dealt))
    assert sorted(before) == sorted(after)
    assert 0.3 < np.mean(np.array(before) != np.array(after)) < 0.7
    assert targets(dealt.dataset("test").clips) == targets(plain.dataset("test").clips)


def targets(clips: Sequence[Any]) -> list[int]:
    return [clip.target for clip in clips]


def test_a_bad_song_is_named_or_left_out(tmp_path: Path, cache: Path) -> None:
    root = write_corpus(tmp_path / "corpus", 3.0, 0.5)
    bad = root / "audio" / SONGS["train"][1]
    bad.write_bytes(bad.read_bytes()[:600])
    with pytest.raises(InputError, match=r"1 of 5 clips cannot be used: Ms. Zorro v1.2.ogg"):
        module(root, cache).setup()
    data = module(root, cache, on_bad_file="skip")
    with pytest.warns(UserWarning, match="left out"):
        data.setup()
    assert {clip.group for clip in data.dataset("train").clips} == {SONGS["train"][0], SONGS["train"][2]}
    assert len(list(data.whole_recordings("train"))) == 2


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    with pytest.raises(InputError, match="does not exist"):
        source(root)
    (root / "audio").mkdir(parents=True)
    assert missing_parts(root) == ["labels", "filelists/train", "filelists/valid", "filelists/test"]
    with pytest.raises(InputError, match="it lacks labels, filelists/train"):
        source(root)
    root = write_corpus(tmp_path / "whole", 2.0, 0.5)
    (root / "labels" / "Ms. Zorro v1.2.lab").unlink()
    with pytest.raises(InputError, match=r"lacks 1 of 5 label files .* first is labels/Ms. Zorro v1.2.lab"):
        source(root)
    (root / "audio" / "05 - Crepuscule.ogg").unlink()
    with pytest.raises(InputError, match=r"lacks 1 of 5 recordings .* first is audio/05 - Crepuscule.ogg"):
        source(root)


def test_the_check_counts_the_songs_of_the_corpus(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    for folder in ("audio", "labels", "filelists"):
        (root / folder).mkdir(parents=True)
    for split, count in (("train", 61), ("valid", 16), ("test", 15)):
        names = [f"{split} {number:02d} - a song.ogg" for number in range(count)]
        (root / "filelists" / split).write_text("\n".join(names), encoding="utf-8")
        for name in names:
            (root / "audio" / name).touch()
            (root / "labels" / name.replace(".ogg", ".lab")).write_text("0 1 sing\n")
    with pytest.raises(InputError, match="its test list names 15 songs where the corpus has 16"):
        check_corpus(root)
    with (root / "filelists" / "test").open("a") as file:
        file.write("\none more.ogg\n")
    with pytest.raises(InputError, match="lacks 1 of 93 recordings"):
        check_corpus(root)
    (root / "audio" / "one more.ogg").touch()
    (root / "labels" / "one more.lab").write_text("0 1 sing\n0.5 2 nosing\n")
    with pytest.raises(InputError, match=r"one more.lab, line 2"):
        check_corpus(root)
    (root / "labels" / "one more.lab").write_text("0 1 sing\n")
    check_corpus(root)


def test_labels_that_outlast_their_song_are_named(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "corpus", 2.0, 0.5)
    soundfile.write(
        root / "audio" / SONGS["test"][0], np.random.default_rng(0).normal(0, 0.1, 5000), RATE, format="OGG"
    )
    (root / "labels" / "Llama - My Fortune.lab").write_text("0 1 sing\n1 3 nosing\n3 4 sing\n")
    with pytest.raises(InputError, match=r"Llama - My Fortune.lab, line 3: .* only 0.2 s"):
        source(root)
