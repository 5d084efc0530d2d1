"""The Jamendo corpus from its publisher's archives, laid out as audio/, labels/ and filelists/."""

from collections.abc import Iterator
from pathlib import Path

from configs.errors import InputError
from datamodules.fetch_parts import Part, fetch_parts
from datamodules.jamendo import check_corpus
from datamodules.jamendo_labels import LISTS

SUFFIXES = (".ogg", ".mp3")


def fetch_corpus(url: str, root: Path) -> None:
    """Fetch songs, labels and lists into `root`, which must be absent or empty; an interrupted download goes on.

    Raises:
        InputError: As `fetch_parts`; a listed song that no archive holds.
    """

    def parts(folder: Path) -> Iterator[Part]:
        for list_ in LISTS.values():
            yield Part(f"{url}/jam_{list_}_audio.tar.gz", "audio", archive=True, flat=True)
        yield Part(f"{url}/jam_annote.tar.gz", "labels", archive=True, flat=True)
        for list_ in LISTS.values():
            yield Part(f"{url}/jam_{list_}_list.txt", f"filelists/jam_{list_}_list.txt")
        for list_ in LISTS.values():
            _write_list(folder, list_)

    fetch_parts(parts, root, check=check_corpus)


def _write_list(folder: Path, name: str) -> None:
    """Write filelists/NAME: the published list names transcriptions (SONG.trs), ours the recordings."""
    songs = []
    published = folder / "filelists" / f"jam_{name}_list.txt"
    for line in filter(None, map(str.strip, published.read_text(encoding="utf-8", errors="replace").splitlines())):
        stem = line.removesuffix(".trs")
        found = [stem + suffix for suffix in SUFFIXES if (folder / "audio" / (stem + suffix)).is_file()]
        if not found:
            raise InputError(f"{published.name} lists {line}, and no archive holds {stem}.ogg or .mp3")
        songs.append(found[0])
    (folder / "filelists" / name).write_text("\n".join(songs) + "\n", encoding="utf-8")
