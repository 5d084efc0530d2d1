"""MTG-Jamendo, the fifty most frequent tags of music, in the publisher's layout and splits (Bogdanov et al. 2019)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from configs.dataset_schema import MtgJamendoData
from configs.errors import InputError
from datamodules.audio_files import read_middle
from datamodules.clip_source import Clip, Samples, Split
from datamodules.fetch_parts import Part, fetch_parts
from datamodules.file_source import FileSource
from datamodules.label_table import file_inside
from datamodules.release_folder import release_folder

TAGS = "data/tags/top50.txt"
SPLITS: dict[str, Split] = {"train": "train", "validation": "val", "test": "test"}
COLUMNS = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
KINDS = ("genre", "instrument", "mood/theme")
HASHES = {"low": "raw_30s_audio-low_sha256_tars.txt", "full": "raw_30s_audio_sha256_tars.txt"}
FOLDERS = {"low": "audio-low", "full": "audio"}
N_TAGS = 50


class MtgJamendo(FileSource):
    """The middle of each track, with the tags of `data/tags/top50.txt` in the official split `data.split`.

    The lists lie as in the publisher's repository, the unpacked tracks in audio/ (NN/ID.mp3, or NN/ID.low.mp3 of the
    low quality). Artists are never in two splits, and are the groups. Tags are given by the uploaders: what is not
    tagged is taken for absent, as the publisher's baseline does.

    Raises:
        InputError: the folder, a list or a tag cannot be used; one line says what is wrong and where.
    """

    LICENCE = (
        "CC BY-NC-SA 4.0 (tags and splits); each track has its own Creative Commons licence, in audio_licenses.txt"
    )
    CITATION = (
        'D. Bogdanov, M. Won, P. Tovstogan, A. Porter, X. Serra, "The MTG-Jamendo Dataset for Automatic Music '
        'Tagging", Machine Learning for Music Discovery Workshop, ICML 2019'
    )

    def __init__(self, config: MtgJamendoData, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        root = release_folder(
            config, "MTG-Jamendo", partial(missing_parts, split=config.split), partial(_fetch, config)
        )
        self._middle = config.seconds
        tags = read_tags(root)
        splits: dict[Split, tuple[Clip, ...]] = {}
        paths: dict[str, Path] = {}
        for name, split in SPLITS.items():
            splits[split] = tuple(_clips(root / _list(config.split, name), root / "audio", tags, paths))
        _refuse_missing(root, paths)
        _check_artists(splits)
        super().__init__("mtg_jamendo", tuple(map(_readable, tags)), splits, paths, multi_label=True)

    def seconds(self, clip: Clip) -> float:
        """Return the length in seconds of what `read` gives, from the header; raises BadClip as `FileSource` does."""
        whole = super().seconds(clip)
        return whole if self._middle is None else min(whole, self._middle)

    def read(self, clip: Clip) -> tuple[Samples, int]:
        """Return the track's middle (N,) and its rate in Hz; raises BadClip where it cannot be used."""
        return super().read(clip) if self._middle is None else read_middle(self.path(clip), self._middle, clip.name)

    def content_key(self, clip: Clip) -> str:
        """Return a key of the file and of what is taken of it; raises BadClip where the file is not readable."""
        return f"{super().content_key(clip)} middle {self._middle}"


def read_tags(root: Path) -> tuple[str, ...]:
    """Return the tags KIND---NAME of the list, in its order.

    Raises:
        InputError: the list cannot be read, has fewer than two tags, one of another form, or one twice.
    """
    lines = [line.strip() for line in _lines(root / TAGS) if line.strip()]
    for number, tag in enumerate(lines, 1):
        kind, _, name = tag.partition("---")
        if kind not in KINDS or not name:
            raise InputError(f"{root / TAGS}: {tag!r} is no tag KIND---NAME, with one of {', '.join(KINDS)}")
        if tag in lines[: number - 1]:
            raise InputError(f"{root / TAGS}: {tag!r} is there twice, again as number {number}; remove one")
    if len(lines) < 2:
        raise InputError(f"{root / TAGS} has {len(lines)} tags; a classifier needs two")
    return tuple(lines)


def _readable(tag: str) -> str:
    """Return the name of a tag KIND---NAME; no two of the list share one."""
    return tag.partition("---")[2]


def _clips(table: Path, audio: Path, tags: tuple[str, ...], paths: dict[str, Path]) -> Iterator[Clip]:
    """Yield the clips of a list, and enter their files into `paths`."""
    lines = _lines(table)
    if not lines or lines[0].split("\t") != COLUMNS:
        raise InputError(f"the split list {table} does not begin with {', '.join(COLUMNS)}, between tabs")
    numbers = {tag: number for number, tag in enumerate(tags)}
    for line, text in enumerate(lines[1:], 2):
        if not text.strip():
            continue
        cells = text.split("\t")
        if len(cells) < len(COLUMNS):
            raise InputError(f"{table}, line {line}: {len(cells)} cells; expected a track, its path and its tags")
        track, artist, path, own = cells[0], cells[1], cells[3], cells[5:]
        unknown = [tag for tag in own if tag not in numbers]
        if unknown:
            raise InputError(f"{table}, line {line}: tag {unknown[0]!r} is not in {TAGS}")
        if track in paths:
            raise InputError(f"{table}, line {line}: {track} stands in the split lists before")
        try:
            paths[track] = _audio_path(audio, path)
        except InputError as error:
            raise InputError(f"{table}, line {line}: {error}") from None
        places = {numbers[tag] for tag in own}
        yield Clip(track, tuple(float(number in places) for number in range(len(tags))), artist)


def _audio_path(audio: Path, path: str) -> Path:
    """Return the file of a path NN/ID.mp3, or its low quality where that is the one that is there."""
    whole, low = file_inside(audio, path), file_inside(audio, f"{path.removesuffix('.mp3')}.low.mp3")
    return low if low.is_file() and not whole.is_file() else whole


def _refuse_missing(root: Path, paths: dict[str, Path]) -> None:
    missing = [path for path in paths.values() if not path.is_file()]
    if missing:
        raise InputError(
            f"data.root={root} lacks {len(missing)} of {len(paths)} tracks that the split lists name, the first is "
            f"{missing[0].relative_to(root.resolve())} (or .low.mp3); unpack the archives into {root / 'audio'}"
        )


def _check_artists(splits: dict[Split, tuple[Clip, ...]]) -> None:
    """Raise InputError where an artist is in two splits; the publisher's have none."""
    seen: dict[str, Split] = {}
    for split, clips in splits.items():
        for clip in clips:
            if seen.setdefault(clip.group, split) != split:
                raise InputError(f"{clip.group} is in the lists of {seen[clip.group]} and {split}; restore the lists")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError(f"no list at {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the list {path}: {error}") from None


def _list(split: int, name: str) -> str:
    return f"data/splits/split-{split}/autotagging_top50tags-{name}.tsv"


def missing_parts(root: Path, split: int = 0) -> list[str]:
    """Return which parts of the release a folder lacks; single tracks are not looked at."""
    return [part for part in (TAGS, *(_list(split, name) for name in SPLITS), "audio") if not (root / part).exists()]


def _fetch(config: MtgJamendoData, root: Path) -> None:
    fetch_parts(partial(_parts, config), root, check=check_release)


def _parts(config: MtgJamendoData, whole: Path) -> Iterator[Part]:
    """Yield the lists of all splits, then the archives of audio that the list of their hashes names."""
    hashes = f"data/download/{HASHES[config.quality]}"
    lists = [TAGS, *(_list(split, name) for split in range(5) for name in SPLITS), hashes]
    for place in (*lists, "audio_licenses.txt"):
        yield Part(f"{config.lists_url.rstrip('/')}/{place}", place)
    for line in _lines(whole / hashes):
        sha256, _, name = line.strip().partition(" ")
        if name:
            url = f"{config.url.rstrip('/')}/{FOLDERS[config.quality]}/{name.strip()}"
            yield Part(url, "audio", archive=True, sha256=sha256)


def check_release(root: Path) -> None:
    """Check a copy: fifty tags, and every track of the five splits there.

    Raises:
        InputError: what differs from the release as published.
    """
    missing = [part for split in range(5) for part in missing_parts(root, split)]
    if missing:
        raise InputError(f"it lacks {', '.join(dict.fromkeys(missing))}")
    tags = read_tags(root)
    if len(tags) != N_TAGS:
        raise InputError(f"{TAGS} has {len(tags)} tags where the release has {N_TAGS}")
    for split in range(5):
        paths: dict[str, Path] = {}
        for name in SPLITS:
            list(_clips(root / _list(split, name), root / "audio", tags, paths))
        _refuse_missing(root, paths)
