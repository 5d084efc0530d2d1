"""A miniature of the Jamendo corpus: songs whose sung segments are a voice-like sound over chords."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

RATE = 22050
SONGS = {
    "train": ("05 - Crepuscule.ogg", "Ms. Zorro v1.2.ogg", "L'envie - a deux.ogg"),
    "valid": ("03 - Say me Good Bye.ogg",),
    "test": ("Llama - My Fortune.ogg",),
}


def write_corpus(root: Path, seconds: float = 10.0, segment: float = 2.5) -> Path:
    """Write audio/, labels/ and filelists/ below `root`; every other `segment` seconds are sung."""
    for folder in ("audio", "labels", "filelists"):
        (root / folder).mkdir(parents=True)
    for number, (split, songs) in enumerate(SONGS.items()):
        (root / "filelists" / split).write_text("".join(f"{song}\n" for song in songs), encoding="utf-8")
        for place, song in enumerate(songs):
            edges = np.arange(0, seconds + 1e-9, segment)
            lines = [
                f"{start:.3f} {end:.3f} {'sing' if turn % 2 else 'nosing'}\n"
                for turn, (start, end) in enumerate(pairwise(edges), number + place)
            ]
            stem = song.rpartition(".")[0]
            (root / "labels" / f"{stem}.lab").write_text("".join(lines), encoding="utf-8")
            sung = [float(line.split()[0]) for line in lines if line.split()[2] == "sing"]
            sound = song_sound(seconds, sung, segment, np.random.default_rng(10 * number + place))
            soundfile.write(root / "audio" / song, sound, RATE, format="OGG")
    return root


def song_sound(seconds: float, sung: list[float], segment: float, random: np.random.Generator) -> np.ndarray:
    """Steady chords, and from each of the seconds `sung` on a harmonic sound with vibrato."""
    time = np.arange(round(seconds * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * f * time) for f in random.uniform(90, 400, 3)) * 0.05
    sound = chord + random.normal(0, 0.005, len(time))
    for start in sung:
        inside = (time >= start) & (time < start + segment)
        pitch = random.uniform(200, 350) * 2 ** (0.08 * np.sin(2 * np.pi * 6 * time))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        voice = sum(np.sin(k * phase) / k for k in range(1, 15))
        sound = sound + inside * voice * 0.12
    return (0.9 * sound / np.abs(sound).max()).astype(np.float32)
