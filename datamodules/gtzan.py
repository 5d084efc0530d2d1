"""GTZAN, ten genres of music, in the fault-filtered split (Tzanetakis & Cook 2002; Kereliuk et al. 2015)."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from configs.dataset_schema import GtzanData
from configs.errors import InputError
from datamodules.clip_source import Clip, Split
from datamodules.fetch_archive import fetch_archive, header_fault
from datamodules.file_source import FileSource
from datamodules.label_table import file_inside
from datamodules.release_folder import release_folder

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
FOLDERS = ("", "genres", "genres_original", "Data/genres_original")
"""Where the genres' folders lie below the root, as torchaudio and the copies in use unpack them."""
SUFFIXES = (".wav", ".au")
PER_GENRE = 100  # tracks of the released set


class Gtzan(FileSource):
    """The 930 tracks that are left without repetitions, distortions and an artist in two splits.

    The published lists come with torchaudio (`torchaudio.datasets.GTZAN`): 443 tracks train, 197 validate, 290 test.
    Clip names are GENRE.NUMBER as in those lists. The set names no artists, so that each track is its own group.

    Raises:
        InputError: the folder cannot be used, or lacks tracks of the lists; one line says what and where.
    """

    LICENCE = "GTZAN names no licence; for research"
    CITATION = (
        'G. Tzanetakis, P. Cook, "Musical Genre Classification of Audio Signals", IEEE TSAP 10(5) 2002, '
        "doi:10.1109/TSA.2002.800560; split: C. Kereliuk, B. L. Sturm, J. Larsen, "
        '"Deep Learning and Music Adversaries", IEEE TMM 17(11) 2015, doi:10.1109/TMM.2015.2478068'
    )

    def __init__(self, config: GtzanData, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        root = release_folder(config, "GTZAN", missing_parts, partial(_fetch, config))
        splits, paths = split_clips(filtered_lists(), genre_folder(root))
        super().__init__("gtzan", GENRES, splits, paths)


def filtered_lists() -> dict[Split, list[str]]:
    """Return the tracks GENRE.NUMBER of each split as torchaudio carries them."""
    from torchaudio.datasets import gtzan  # here, as it brings torch along

    return {"train": gtzan.filtered_train, "val": gtzan.filtered_valid, "test": gtzan.filtered_test}


def split_clips(
    lists: Mapping[Split, Sequence[str]], folder: Path
) -> tuple[dict[Split, tuple[Clip, ...]], dict[str, Path]]:
    """Return the clips of each list, and the file of each clip.

    Args:
        lists: split -> names GENRE.NUMBER.
        folder: holds a folder of each genre with its tracks.

    Raises:
        InputError: a name of another form or genre, one that is there twice, or files that are missing.
    """
    splits: dict[Split, tuple[Clip, ...]] = {}
    paths: dict[str, Path] = {}
    for split, names in lists.items():
        clips = []
        for name in names:
            genre, _, number = name.partition(".")
            if genre not in GENRES or not (number.isascii() and number.isdigit()):
                raise InputError(f"the {split} list names {name!r}; expected GENRE.NUMBER, of {', '.join(GENRES)}")
            if name in paths:
                raise InputError(f"the {split} list names {name}, which stands in the lists before")
            paths[name] = track_path(folder, name)
            clips.append(Clip(name, GENRES.index(genre), name))
        splits[split] = tuple(clips)
    missing = [name for name, path in paths.items() if not path.is_file()]
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} of {len(paths)} tracks of the filtered lists, the first is "
            f"{missing[0].partition('.')[0]}/{missing[0]}.wav (or .au); unpack the archive again"
        )
    return splits, paths


def track_path(folder: Path, name: str) -> Path:
    """Return the file of a track GENRE.NUMBER, .wav or .au; it need not exist."""
    paths = [file_inside(folder, f"{name.partition('.')[0]}/{name}{suffix}") for suffix in SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])


def genre_folder(root: Path) -> Path:
    """Return the folder that holds the genres' folders: `root`, or one of those that copies of the set have."""
    return next((root / inner for inner in FOLDERS if (root / inner / GENRES[0]).is_dir()), root)


def missing_parts(root: Path) -> list[str]:
    """Return which genres' folders are missing; single tracks are not looked at."""
    return [genre for genre in GENRES if not (genre_folder(root) / genre).is_dir()]


def _fetch(config: GtzanData, root: Path) -> None:
    fetch_archive(config.url, root, sha256=config.archive_sha256, check=check_release)


def check_release(root: Path) -> None:
    """Check a copy: a hundred tracks of each genre, and the header of those of the filtered lists.

    jazz.00054 is damaged in a copy in use; data.on_bad_file=skip leaves it out.

    Raises:
        InputError: what differs from the set as published.
    """
    missing = missing_parts(root)
    if missing:
        raise InputError(f"it lacks the genres {', '.join(missing)}")
    folder = genre_folder(root)
    for genre in GENRES:
        found = {path.stem for path in (folder / genre).iterdir() if path.suffix in SUFFIXES}
        if len(found) != PER_GENRE:
            raise InputError(f"it has {len(found)} tracks of {genre} where the set has {PER_GENRE}")
    for path in split_clips(filtered_lists(), folder)[1].values():
        fault = header_fault(path)
        if fault:
            raise InputError(f"{path.parent.name}/{path.name} {fault}")
