"""SONYC-UST v2 in the layout of the release: annotations.csv and audio/ (Cartwright et al. 2020)."""

import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from configs.dataset_schema import SonycUstData
from configs.errors import InputError
from datamodules.clip_source import Clip, Split
from datamodules.fetch_archive import header_fault
from datamodules.fetch_parts import Part, fetch_parts
from datamodules.file_source import FileSource
from datamodules.label_table import file_inside
from datamodules.release_folder import release_folder
from datamodules.sonyc_ust_labels import TABLE, Recording, labels, read_annotations

# The released set.
N_RECORDINGS = {"train": 13_538, "val": 4_308, "test": 664}
# MD5 of each file of the record on Zenodo, doi:10.5281/zenodo.3966543, version 2.3.
MD5 = {
    "annotations.csv": "70b507b15bb4cfcce4870925302f276b",
    "dcase-ust-taxonomy.yaml": "6c1cca1c4c383a6ebb0cb71cb74fe3a9",
    "audio-0.tar.gz": "bbb4dbae7d2e58e18d24878b9ee1eb51",
    "audio-1.tar.gz": "7c369ff37ac6a1fdd8493fdffe62e0a1",
    "audio-2.tar.gz": "412241c063d7f196953d3dd1c44aeb5e",
    "audio-3.tar.gz": "d2a872392d95993a2c238d305b940812",
    "audio-4.tar.gz": "b15b0e0cb3f8584259ef0d24293a9be3",
    "audio-5.tar.gz": "de745f887067433757a2f2c8f99f99bb",
    "audio-6.tar.gz": "b0286c67468369d66336f6f5ddede31f",
    "audio-7.tar.gz": "ff300183ab7a9d3f2f74c3b730ffeb52",
    "audio-8.tar.gz": "7be76b821fa6dbe20f6b50ca440e1024",
    "audio-9.tar.gz": "959f7edfbb26eadad9865069f38aa9dd",
    "audio-10.tar.gz": "84e94de273666c537a3e6b709ee88d9b",
    "audio-11.tar.gz": "44fe1f43121a7d1178aa0cdf7477793b",
    "audio-12.tar.gz": "a7eb21011f460b5ac289f8e285e875ab",
    "audio-13.tar.gz": "27945a8b1008eec787f97213164951e6",
    "audio-14.tar.gz": "fb8c7d81c3bde3a0c86c1e55e6a85a24",
    "audio-15.tar.gz": "f6af9b65d876ef96d199b9e5f0473cb9",
    "audio-16.tar.gz": "e8337c61a90c30989d500f950fbe443a",
    "audio-17.tar.gz": "3e47e85eb4564a30fe7f442ee97ec7b9",
    "audio-18.tar.gz": "c6b2ef4d0d5b7269d465c469cdbbdc4b",
}


class SonycUst(FileSource):
    """The official splits: recordings that volunteers labelled train, verified ones validate and test.

    Recordings without labels by that rule are left out and counted: most of the validation split is not verified.
    Labels nobody gave are unknown (`Clip.observed`), see `datamodules.sonyc_ust_labels.labels`. Clip names are the file
    names of the table; `Clip.group` is sensor and hour, as the test has sensors of the other splits at a later time.

    Raises:
        InputError: the folder, the table or a recording cannot be used; one line says what is wrong and where.
    """

    LICENCE = "CC BY 4.0"
    CITATION = (
        'M. Cartwright et al., "SONYC-UST-V2: An Urban Sound Tagging Dataset with Spatiotemporal Context", '
        "DCASE 2020, doi:10.5281/zenodo.3966543"
    )

    def __init__(self, config: SonycUstData, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        root = release_folder(config, "SONYC-UST v2", missing_parts, partial(_fetch, config))
        classes, recordings = read_annotations(root, config.labels)
        splits: dict[Split, list[Clip]] = {"train": [], "val": [], "test": []}
        paths: dict[str, Path] = {}
        for name, recording in recordings.items():
            known = labels(recording, classes)
            if known is None:
                continue
            target, observed = known
            paths[name] = file_inside(root / "audio", name)
            group = f"sensor {recording.sensor}, {recording.hour}"
            splits[recording.split].append(Clip(name, target, group, observed))
        _refuse_missing(root, paths)
        _check_sensors(recordings)
        done: dict[Split, tuple[Clip, ...]] = {split: tuple(clips) for split, clips in splits.items()}
        super().__init__("sonyc_ust", classes.names, done, paths, multi_label=True)
        if len(paths) < len(recordings):
            counts = ", ".join(f"{split} {len(clips):,}" for split, clips in done.items())
            left = len(recordings) - len(paths)
            print(f"sonyc_ust: {left:,} recordings have no labels that count; {counts} are used", file=sys.stderr)


def _refuse_missing(root: Path, paths: dict[str, Path]) -> None:
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        raise InputError(
            f"data.root={root} lacks {len(missing)} of {len(paths)} recordings that {TABLE} names, the first is "
            f"audio/{missing[0]}; unpack the archives again"
        )


def _check_sensors(recordings: dict[str, Recording]) -> None:
    """Warn of sensors in training and validation, which the release keeps apart."""
    sensors = {split: {r.sensor for r in recordings.values() if r.split == split} for split in ("train", "val")}
    shared = sorted(sensors["train"] & sensors["val"])
    if shared:
        warnings.warn(
            f"{len(shared)} sensors are in train and in validate, the first is sensor {shared[0]}: "
            "validation figures will be too good",
            stacklevel=3,
        )


def missing_parts(root: Path) -> list[str]:
    """Return which parts of the release a folder lacks; single recordings are not looked at."""
    return [part for part in (TABLE, "audio") if not (root / part).exists()]


def _fetch(config: SonycUstData, root: Path) -> None:
    fetch_parts(partial(_parts, config.url.rstrip("/")), root, check=check_release)


def _parts(url: str, whole: Path) -> Iterator[Part]:
    del whole  # all files are known from the start
    for name, md5 in MD5.items():
        if name.endswith(".tar.gz"):
            yield Part(f"{url}/{name}", "audio", archive=True, flat=True, md5=md5)
        else:
            yield Part(f"{url}/{name}", name, md5=md5)


def check_release(root: Path) -> None:
    """Check a copy: both levels of classes, recordings of each split, every file there and with a wav header.

    Raises:
        InputError: what differs from the release as published.
    """
    missing = missing_parts(root)
    if missing:
        raise InputError(f"it lacks {', '.join(missing)}")
    read_annotations(root, "fine")
    classes, recordings = read_annotations(root, "coarse")
    if len(classes.names) != 8:
        raise InputError(f"{TABLE} has {len(classes.names)} coarse classes where the release has 8")
    for split, expected in N_RECORDINGS.items():
        count = sum(recording.split == split for recording in recordings.values())
        if count != expected:
            raise InputError(f"{TABLE} has {count:,} recordings of {split} where the release has {expected:,}")
    paths = {name: file_inside(root / "audio", name) for name in recordings}
    _refuse_missing(root, paths)
    for name, path in paths.items():
        fault = header_fault(path)
        if fault:
            raise InputError(f"audio/{name} {fault}")
