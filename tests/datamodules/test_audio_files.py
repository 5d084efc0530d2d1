import builtins
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from configs.errors import InputError
from datamodules.audio_files import BadClip, header_seconds, read_audio, resample

RATE = 22050


def tone(seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def write(path: Path, samples: np.ndarray, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, RATE, subtype=subtype)
    return path


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 2**-15),
        ("a.wav", "PCM_24", 2**-22),
        ("a.wav", "FLOAT", 0),
        ("a.wav", "PCM_U8", 2**-6),
        ("a.wav", "ULAW", 2**-5),
        ("a.flac", "PCM_16", 2**-15),
        ("a.ogg", "VORBIS", 0.1),
        ("a.mp3", None, 0.1),
    ],
)
def test_reads_what_was_written(tmp_path, name, subtype, tolerance):
    samples = tone()
    path = write(tmp_path / name, samples, subtype)
    read, rate = read_audio(path)
    assert (rate, read.dtype, read.shape) == (RATE, np.float32, samples.shape)
    assert np.abs(read - samples).max() <= tolerance
    assert header_seconds(path) == pytest.approx(0.5, abs=0.01)


def test_channels_are_averaged(tmp_path):
    left, right = tone(), np.flip(tone()).copy()
    read, _ = read_audio(write(tmp_path / "a.wav", np.stack([left, right], axis=1), "FLOAT"))
    np.testing.assert_allclose(read, (left + right) / 2, atol=1e-7)


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def broken_file(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.wav"
    if kind in {"empty", "garbage", "missing"}:
        if kind != "missing":
            path.write_bytes(b"" if kind == "empty" else bytes(range(256)) * 20)
        return path
    if kind == "header only":
        return write(path, np.zeros(0, np.float32))
    if kind.startswith("cut "):
        path = write(folder / f"a.{kind.removeprefix('cut ')}", np.random.default_rng(0).uniform(-0.5, 0.5, 4 * RATE))
        cut(path, 0.6)
        return path
    samples = np.zeros(RATE, np.float32) if kind == "silent" else tone()
    if kind in {"nan", "inf"}:
        samples[1000] = float(kind)
    return write(path, samples, "FLOAT")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "file not found"),
        ("empty", "empty file"),
        ("garbage", "unreadable"),
        ("header only", "holds no samples"),
        ("cut wav", "truncated"),
        ("cut flac", "truncated|unreadable"),
        ("cut ogg", "truncated"),
        ("silent", "silent throughout"),
        ("nan", "NaN or infinite"),
        ("inf", "NaN or infinite"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_fault(tmp_path, kind, reason):
    path = broken_file(tmp_path, kind)
    with pytest.raises(BadClip, match=reason) as raised:
        read_audio(path, "clip 7")
    assert raised.value.name == "clip 7"
    assert str(raised.value) == f"clip 7: {raised.value.reason}"
    assert "\n" not in str(raised.value)


def test_an_ogg_cut_anywhere_is_noticed(tmp_path):
    whole = write(tmp_path / "a.ogg", np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE)).read_bytes()
    for keep in np.linspace(0.3, 0.999, 40):
        (tmp_path / "b.ogg").write_bytes(whole[: int(keep * len(whole))])
        with pytest.raises(BadClip):
            read_audio(tmp_path / "b.ogg")


def test_a_wav_with_chunks_after_its_samples_is_whole(tmp_path):
    path = write(tmp_path / "a.wav", tone(), "PCM_16")
    body = path.read_bytes() + b"LIST" + (6).to_bytes(4, "little") + b"INFOab"
    path.write_bytes(body[:4] + (len(body) - 8).to_bytes(4, "little") + body[8:])
    assert read_audio(path)[0].size == tone().size


def test_a_wav_written_to_a_pipe_tells_no_length_and_is_read(tmp_path):
    path = write(tmp_path / "a.wav", tone(), "PCM_16")
    body = bytearray(path.read_bytes())
    at = body.index(b"data") + 4
    body[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(body)
    assert read_audio(path)[0].size == tone().size


def test_a_bad_clip_survives_pickling():
    bad = pickle.loads(pickle.dumps(BadClip("a", "silent")))
    assert (bad.name, bad.reason, bad.exit_code) == ("a", "silent", 1)


def test_missing_soundfile_is_one_clear_error(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "soundfile":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "soundfile")
    with pytest.raises(InputError, match="pip install soundfile"):
        read_audio(tmp_path / "a.wav")


def test_resampling_keeps_tones_and_removes_what_the_new_rate_cannot_hold():
    rate, to = 44100, 22050
    time = np.arange(2 * rate) / rate
    kept, lost = np.sin(2 * np.pi * 3000 * time), np.sin(2 * np.pi * 15000 * time)
    result = resample((kept + lost).astype(np.float32), rate, to)
    reference = scipy.signal.resample_poly(kept, 1, 2)
    assert result.shape == (2 * to,)
    inner = slice(200, -200)
    assert np.abs(result[inner] - reference[inner]).max() < 0.02
    assert resample(result, to, to) is result
