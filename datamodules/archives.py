"""Unpacking of downloaded zip and tar archives: only plain files and folders, only below the target, never too much."""

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from configs.errors import InputError

CHUNK = 1 << 20
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, LZMAError, EOFError,
    RuntimeError, NotImplementedError, ValueError,  # encrypted, unknown compression, nonsense in a header
)  # fmt: skip


@dataclass(frozen=True)
class _Member:
    """One entry of an archive: its name, what it is, and for a file the stream of its bytes."""

    name: str
    kind: str  # "file", "folder" or what else it is
    stream: IO[bytes] | None = None


def unpack(archive: Path, folder: Path, *, max_bytes: int = 64 << 30, max_files: int = 1_000_000) -> None:
    """Unpack a zip or tar archive (plain, gz, bz2, xz) into `folder`, which is made and should be empty.

    Nothing of an archive is trusted. Modes and owners are not restored. What was written before an error stays in
    `folder`, for the caller to remove.

    Raises:
        InputError: a name that is absolute or climbs with "..", a link of any kind, a device, a file that occurs twice,
            more than `max_bytes` (counted as written, not as announced) or `max_files`; an archive cut short or broken.
        OSError: the disk's fault, not the archive's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    try:
        for count, member in enumerate(_members(archive), start=1):
            if count > max_files:
                raise InputError(f"{archive.name} holds more than {max_files:,} entries; not unpacked")
            target = folder / _safe_name(archive, member.name)
            if member.kind == "folder":
                target.mkdir(parents=True, exist_ok=True)
            elif member.stream is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                written += _write(archive, member.stream, target, max_bytes - written)
            else:
                raise InputError(f"{archive.name} holds {member.kind} ({member.name!r}); not unpacked")
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{archive.name} holds {Path(str(error.filename)).name!r} twice; not unpacked") from None
    except _BROKEN as error:
        raise InputError(f"{archive.name} is broken or cut short ({error}); download it again") from None


def single_top_folder(folder: Path) -> Path:
    """Return the one folder that holds everything in `folder` (as ESC-50-master/ does), or `folder` itself."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _members(archive: Path) -> Iterator[_Member]:
    """Yield the entries of a zip or tar archive in the archive's order."""
    if zipfile.is_zipfile(archive):
        yield from _zip_members(archive)
    elif _is_tar(archive):
        yield from _tar_members(archive)
    else:
        raise InputError(f"{archive.name} is no zip or tar archive, or it is cut short; download it again")


def _is_tar(archive: Path) -> bool:
    """Whether the file begins as a tar archive does (a broken compressed stream is none)."""
    with suppress(EOFError, gzip.BadGzipFile, zlib.error, LZMAError):
        return tarfile.is_tarfile(archive)
    return False


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            # Unix mode in the upper half (a link is a file of its own mode); zero where the archive was made elsewhere.
            mode = stat.S_IFMT(entry.external_attr >> 16)
            if entry.is_dir():
                yield _Member(entry.filename, "folder")
            elif mode not in (0, stat.S_IFREG):
                yield _Member(entry.filename, "a link" if mode == stat.S_IFLNK else "a device or pipe")
            else:
                with opened.open(entry) as stream:
                    yield _Member(entry.filename, "file", stream)


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as opened:
        for entry in opened:
            if entry.isdir():
                yield _Member(entry.name, "folder")
            elif entry.isfile():
                yield _Member(entry.name, "file", opened.extractfile(entry))
            else:
                yield _Member(entry.name, "a link" if entry.issym() or entry.islnk() else "a device or pipe")


def _safe_name(archive: Path, name: str) -> PurePosixPath:
    """Return the name as a relative path; raise InputError where it could lead out of the folder on any system."""
    windows = PureWindowsPath(name)
    if windows.drive or windows.root or ".." in windows.parts or "\\" in name or "\0" in name:
        raise InputError(f"{archive.name} holds an entry that leads out of its folder ({name!r}); not unpacked")
    return PurePosixPath(name)


def _write(archive: Path, stream: IO[bytes], target: Path, allowed: int) -> int:
    """Copy a stream into a new file, at most `allowed` bytes, and return the bytes written."""
    written = 0
    with target.open("xb") as out:
        while chunk := stream.read(CHUNK):
            written += len(chunk)
            if written > allowed:
                raise InputError(f"{archive.name} unpacks to more than its limit ({target.name!r}); not unpacked")
            out.write(chunk)
    return written
