"""A miniature of SONYC-UST v2: its layout, header and ways of labelling, with tones in place of New York."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
COARSE = ("1_engine", "5_alert-signal", "8_dog")
FINE = ("1-1_small-sounding-engine", "1-2_large-sounding-engine", "1-X_engine-of-uncertain-size",
        "5-1_car-horn", "5-X_other-unknown-alert-signal", "8-1_dog-barking-whining")  # fmt: skip
HERTZ = {"1-1": 300.0, "1-2": 150.0, "1-X": 220.0, "5-1": 1500.0, "5-X": 2500.0, "8-1": 700.0}
KEYS = ("split", "sensor_id", "audio_filename", "annotator_id", "borough", "block", "latitude", "longitude", "year",
        "week", "day", "hour")  # fmt: skip
HEADER = (*KEYS, *(f"{name}_presence" for name in FINE), *(f"{name}_proximity" for name in FINE),
          *(f"{name}_presence" for name in COARSE))  # fmt: skip
Row = dict[str, object]


def row(split: str, name: str, annotator: int, heard: Iterable[str], unlabelled: Iterable[str] = ()) -> Row:
    """A row of the table: `heard` names fine classes by number ("1-X"), `unlabelled` kinds by number ("5")."""
    heard, unlabelled = set(heard), set(unlabelled)
    where = {"train": 1, "validate": 2, "test": 1}[split]
    cells: Row = dict.fromkeys(HEADER, -1)
    cells |= {"split": split, "sensor_id": where, "audio_filename": name, "annotator_id": annotator, "year": 2018}
    hour = sum(name.encode()) % 168
    cells |= {"week": 40 if split == "test" else 3, "day": hour // 24, "hour": hour % 24}
    for column in (*FINE, *COARSE):
        number = column.partition("_")[0]
        present = number in heard if "-" in number else any(fine.partition("-")[0] == number for fine in heard)
        cells[f"{column}_presence"] = -1 if number.partition("-")[0] in unlabelled else int(present)
    return cells


def write_table(root: Path, rows: Iterable[Row], header: Iterable[str] = HEADER) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with (root / "annotations.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(header), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def write_audio(root: Path, sounds: Mapping[str, Iterable[str]], seconds: float = 0.5) -> None:
    """Write audio/NAME with a tone for each fine class, in a little noise."""
    (root / "audio").mkdir(parents=True, exist_ok=True)
    for name, heard in sounds.items():
        random = np.random.default_rng(list(name.encode()))
        time = np.arange(round(seconds * RATE)) / RATE
        wave = 0.01 * random.standard_normal(time.size)
        for number in heard:
            wave += 0.2 * np.sin(2 * np.pi * (HERTZ[number] * time + random.uniform()))
        soundfile.write(root / "audio" / name, wave, RATE)


def write_miniature(root: Path, n_train: int = 24, n_verified: int = 8, seconds: float = 0.5) -> Path:
    """Write a set with votes that differ, labels that are unknown, and validation recordings nobody verified.

    Of each training recording one volunteer of three hears what is there, and the others less; the kinds of an
    uncertain engine or alert come now and then; of verified rows one kind is unlabelled in places.
    """
    rows: list[Row] = []
    sounds: dict[str, tuple[str, ...]] = {}
    mixtures = (("1-1",), ("1-2", "8-1"), ("5-1",), ("1-X", "5-1"), ("8-1",), ("5-X", "8-1"), ("1-1", "1-X"), ())
    for split, count in (("train", n_train), ("validate", n_verified), ("test", n_verified)):
        for number in range(count):
            name, heard = f"{split}_{number:03d}.wav", mixtures[number % len(mixtures)]
            sounds[name] = heard
            rows += [row(split, name, who, heard if who == 1 + number % 3 else heard[:1]) for who in (1, 2, 3)]
            if split != "train" or number % 6 == 0:
                rows += [row(split, name, -1, heard, {"5", "8"}), row(split, name, -1, heard, {"1"})]
                rows.append(row(split, name, 0, heard, {"5"} if number % 8 == 4 else ()))
    for number in range(3):
        sounds[f"unverified_{number}.wav"] = ("5-1",)
        rows.append(row("validate", f"unverified_{number}.wav", 1, ("5-1",)))
    write_table(root, rows)
    write_audio(root, sounds, seconds)
    return root
