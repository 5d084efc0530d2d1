"""OpenMIC-2018 in the layout of the release: which of twenty instruments sound (Humphrey et al. 2018)."""

from functools import partial
from pathlib import Path

from configs.data_schema import OpenMicData
from configs.errors import InputError
from datamodules.clip_source import Clip, Split
from datamodules.fetch_archive import fetch_archive, header_fault
from datamodules.file_source import FileSource
from datamodules.label_table import file_inside
from datamodules.openmic_labels import (
    ARRAYS,
    CLASS_MAP,
    TABLE,
    Label,
    read_artists,
    read_classes,
    read_labels,
    read_split_lists,
)
from datamodules.release_folder import release_folder
from datamodules.splits import most_even_split

# The released set.
N_TRAIN, N_TEST, N_CLASSES = 14_915, 5_085, 20
PARTS = ("audio", CLASS_MAP, "partitions/split01_train.csv", "partitions/split01_test.csv")
# The split belongs to the dataset, not to the run: all runs validate on the same recordings.
_SPLIT_SEED = 0


class OpenMic(FileSource):
    """The official test split; validation is drawn from the training list by artist, or by track without metadata.

    A clip has labels for the instruments that listeners were asked about only (`Clip.observed`); an instrument is
    present from a share of agreement of 0.5 on. All classes of class-map.json are kept, those that never sound too.

    Raises:
        InputError: the folder, a label, a list or a recording cannot be used; one line says what is wrong and where.
    """

    LICENCE = "CC BY 4.0 (labels); each recording has its own Creative Commons licence, in openmic-2018-metadata.csv"
    CITATION = (
        'E. J. Humphrey, S. Durand, B. McFee, "OpenMIC-2018: An Open Data-set for Multiple Instrument Recognition", '
        "ISMIR 2018, doi:10.5281/zenodo.1432913"
    )

    def __init__(self, config: OpenMicData, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        root = release_folder(config, "OpenMIC-2018", missing_parts, partial(_fetch, config))
        names, lists, artists = read_classes(root), read_split_lists(root), read_artists(root)
        labels, paths = read_labels(root, names), {}
        clips: dict[str, Clip] = {}
        for key in (*lists.train, *lists.test):
            clips[key] = _clip(key, labels, artists, root)
            paths[clips[key].name] = _audio_path(root, key)
        _refuse_missing(root, paths)
        rest, test = [clips[key] for key in lists.train], tuple(clips[key] for key in lists.test)
        _check_groups(rest, test)
        train, val = most_even_split(rest, config.validation_share, _SPLIT_SEED)
        splits: dict[Split, tuple[Clip, ...]] = {"train": train, "val": val, "test": test}
        super().__init__("openmic", tuple(name.replace("_", " ") for name in names), splits, paths, multi_label=True)


def _clip(key: str, labels: dict[str, Label], artists: dict[str, str], root: Path) -> Clip:
    """Return a clip of the lists; raises where it has no label."""
    if key not in labels:
        raise InputError(f"{root / 'partitions'} names {key}, which has no labels in {ARRAYS} or {TABLE}")
    target, observed = labels[key]
    return Clip(key, target, artists.get(key, f"track {key.partition('_')[0]}"), observed)


def _audio_path(root: Path, key: str) -> Path:
    """Return audio/{first three characters}/{key}.ogg; raises where the key leads elsewhere."""
    return file_inside(root / "audio", f"{key[:3]}/{key}.ogg")


def _refuse_missing(root: Path, paths: dict[str, Path]) -> None:
    """Raise InputError where recordings are missing: how many, and the first."""
    missing = [path for path in paths.values() if not path.is_file()]
    if missing:
        where = missing[0].relative_to(root.resolve())
        raise InputError(
            f"data.root={root} lacks {len(missing)} of {len(paths)} recordings that the split lists name, the first is "
            f"{where}; unpack the archive again"
        )


def _check_groups(rest: list[Clip], test: tuple[Clip, ...]) -> None:
    """Raise InputError where an artist is on both sides; the release has none."""
    shared = sorted({clip.group for clip in rest} & {clip.group for clip in test})
    if shared:
        raise InputError(f"{shared[0]} is in the training and in the test list ({len(shared)} such); restore the lists")


def _fetch(config: OpenMicData, root: Path) -> None:
    fetch_archive(config.url, root, sha256=config.archive_sha256, md5=config.archive_md5, check=check_release)


def missing_parts(root: Path) -> list[str]:
    """Return which parts of the release a folder lacks; single recordings are not looked at."""
    missing = [part for part in PARTS if not (root / part).exists()]
    if not (root / ARRAYS).exists() and not (root / TABLE).exists():
        missing.append(f"{ARRAYS} (or {TABLE})")
    return missing


def check_release(root: Path) -> None:
    """Check a downloaded copy: classes, numbers of clips in the official lists, labels and format of every recording.

    Raises:
        InputError: what differs from the release as published.
    """
    missing = missing_parts(root)
    if missing:
        raise InputError(f"it lacks {', '.join(missing)}")
    names, lists = read_classes(root), read_split_lists(root)
    labels = read_labels(root, names)
    for what, count, expected in (
        ("classes", len(names), N_CLASSES),
        ("training keys", len(lists.train), N_TRAIN),
        ("test keys", len(lists.test), N_TEST),
    ):
        if count != expected:
            raise InputError(f"it has {count:,} {what} where the release has {expected:,}")
    for key in (*lists.train, *lists.test):
        _clip(key, labels, {}, root)
        path = _audio_path(root, key)
        fault = header_fault(path) if path.is_file() else "is missing"
        if fault:
            raise InputError(f"audio/{key[:3]}/{key}.ogg {fault}")
