"""Audio files that somebody wants explained: which there are, and each one as the model can hear it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from configs.errors import CommandError, InputError
from datamodules.audio_files import BadClip, check_samples, header_seconds, read_audio, resample

SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".rf64"}
"""Endings of the files that are taken for audio in a folder; a file given by name is read whatever it is called."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One file as a model hears it: `waveform` (N,) mono at the run's rate; `notes` say what was done to it."""

    name: str
    waveform: torch.Tensor
    sample_rate: int
    file_rate: int
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.waveform) / self.sample_rate


def audio_files(audio: Path) -> list[tuple[str, Path]]:
    """Return name and path of a file, or of all audio files below a folder in alphabetical order.

    Raises:
        CommandError: There is no such file or folder.
        InputError: The folder holds no audio file.
    """
    if audio.is_file():
        return [(audio.name, audio)]
    if not audio.is_dir():
        raise CommandError(f"audio={audio}: no such file or folder")
    found = sorted(path for path in audio.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise InputError(f"audio={audio}: no audio file in this folder (endings: {', '.join(sorted(SUFFIXES))})")
    return [(path.relative_to(audio).as_posix(), path) for path in found]


def read_recording(name: str, path: Path, sample_rate: int, min_samples: int, longest: float) -> Recording:
    """Read a file at the run's rate.

    Raises:
        BadClip: Unreadable, empty, truncated, silent, not finite, too short, or longer than `longest` seconds.
    """
    seconds = header_seconds(path, name)
    if seconds > longest:
        raise BadClip(name, f"{seconds:.0f} s, longer than longest={longest:g} s")
    samples, rate = read_audio(path, name)
    heard = resample(samples, rate, sample_rate)
    check_samples(heard, name)
    if len(heard) < min_samples:
        raise BadClip(name, f"{len(heard)} samples at {sample_rate} Hz, fewer than one analysis frame of {min_samples}")
    return Recording(name, torch.from_numpy(heard), sample_rate, rate, tuple(_notes(path, rate, sample_rate)))


def _notes(path: Path, rate: int, sample_rate: int) -> Iterator[str]:
    import soundfile

    channels = int(soundfile.info(str(path)).channels)
    if channels > 1:
        yield f"{channels} channels mixed down"
    if rate != sample_rate:
        yield f"resampled from {rate} Hz"
