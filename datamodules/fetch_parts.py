"""Data sets published as many files: each is fetched once, and the whole is moved to its place at the end."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from configs.errors import InputError
from datamodules.archives import unpack
from datamodules.download import download
from datamodules.fetch_archive import fill_folder
from datamodules.label_table import file_inside


@dataclass(frozen=True)
class Part:
    """One published file.

    Attributes:
        url: its address.
        place: where the file lies below the data root, or for an archive the folder of what it holds.
        archive: whether it is unpacked.
        flat: whether the folders inside an archive are dropped.
        sha256: hash the file must have, or None.
        md5: the same where the publisher gives MD5.
    """

    url: str
    place: str
    archive: bool = False
    flat: bool = False
    sha256: str | None = None
    md5: str | None = None


def fetch_parts(
    parts: Callable[[Path], Iterable[Part]], root: Path, *, check: Callable[[Path], None], progress: bool = True
) -> None:
    """Fetch files and archives into `root`, which must be absent or empty; what was fetched before is not again.

    The work happens in a hidden folder beside `root`, as that of `fetch_archive`. Each finished part is marked there
    and its archive removed at once, so that the disk holds one archive beside the data.

    Args:
        parts: folder of what is there so far -> the files; it is asked step by step, so that a list that came as an
            early part can name the later ones.
        root: the data root.
        check: called with the finished folder; raises InputError where it is not what was expected.
        progress: show a bar for each file.

    Raises:
        InputError: anything of `download` and `unpack`, a `root` in use, two parts that hold the same file, or what
            `check` found.
    """

    def fetch(work: Path, place: Path) -> None:
        whole, done = work / "whole", work / "done"
        whole.mkdir(exist_ok=True)
        done.mkdir(exist_ok=True)
        for part in parts(whole):
            mark = done / hashlib.sha256(part.url.encode()).hexdigest()[:16]
            if not mark.exists():
                _fetch_part(part, whole, work / f"{mark.name}.part-file", progress)
                mark.touch()
        try:
            check(whole)
        except InputError as error:
            message = str(error).replace(f"{whole}{os.sep}", "")
            raise InputError(
                f"what was downloaded is not as published: {message}; remove {work} to begin anew"
            ) from None
        if place.exists():
            place.rmdir()  # empty, as the caller made sure
        whole.rename(place)

    fill_folder(root, fetch, check)


def _fetch_part(part: Part, whole: Path, file: Path, progress: bool) -> None:
    """Download one part beside `whole` and put it, or what it holds, into its place."""
    if not file.exists():
        download(part.url, file, sha256=part.sha256, md5=part.md5, progress=progress)
    if not part.archive:
        _move(file, file_inside(whole, part.place))
        return
    unpacked = file.with_name("unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)  # left by a process that was killed
    try:
        unpack(file, unpacked)
        for found in sorted(path for path in unpacked.rglob("*") if path.is_file()):
            inner = found.name if part.flat else found.relative_to(unpacked).as_posix()
            _move(found, file_inside(whole, str(PurePosixPath(part.place) / inner)))
    except InputError:
        file.unlink()  # its bytes are wrong: the next call fetches it anew
        raise
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    file.unlink()


def _move(found: Path, target: Path) -> None:
    # Replaced where it is there: a process that was killed here is followed by one that unpacks the part once more.
    target.parent.mkdir(parents=True, exist_ok=True)
    found.replace(target)
