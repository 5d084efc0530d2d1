"""Published archives: downloaded, unpacked, checked, and moved to their place whole or not at all."""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from configs.errors import InputError
from datamodules.archives import single_top_folder, unpack
from datamodules.download import download


def fetch_archive(
    url: str,
    root: Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    check: Callable[[Path], None] | None = None,
    progress: bool = True,
) -> None:
    """Download an archive, unpack it, check it, and move it to `root`, which must be absent or empty, in one step.

    The work happens in a hidden folder beside `root`, so that `root` is complete whenever it is there; an interrupted
    download stays in it for the next call. A folder that holds all of the archive (ESC-50-master/) is left out. Of
    several processes that ask at once one downloads and the others wait. `check(folder)` raises InputError where the
    unpacked data are not what was expected.

    Raises:
        InputError: anything of `download` and `unpack`, a `root` in use, or what `check` found.
    """

    def fetch(work: Path, place: Path) -> None:
        # Named after the address, so that an archive of another address is not taken for this one.
        archive = work / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}.archive"
        if not archive.exists():
            download(url, archive, sha256=sha256, md5=md5, progress=progress)
        _unpack_to(place, archive, url, check)

    fill_folder(root, fetch, check)


def fill_folder(root: Path, fetch: Callable[[Path, Path], None], check: Callable[[Path], None] | None = None) -> None:
    """Call `fetch(work, root)`, which makes `root` in one step from a hidden folder beside it, where `root` is empty.

    `work` stays for the next call where `fetch` fails. Of several processes one fetches and the others wait; those find
    `root` filled, and only `check` it.

    Raises:
        InputError: `root` is a file, cannot be written, or what `fetch` or `check` raise.
    """
    root = root.expanduser().resolve()
    if root.exists() and not root.is_dir():
        raise InputError(f"cannot download into {root}: it is a file, expected a folder or nothing")
    work = root.parent / f".{root.name}.download"
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with _alone(work):
            try:
                if not (root.is_dir() and any(root.iterdir())):
                    fetch(work, root)
                elif check is not None:  # another process was first, or something else lies there
                    _check(check, root, f"{root} is not empty, and is not what the download would put there: ")
                shutil.rmtree(work, ignore_errors=True)
            finally:
                with suppress(OSError):
                    work.rmdir()  # unless there is something to resume
    except OSError as error:
        raise InputError(f"cannot download into {root}: {error}") from None


def _unpack_to(root: Path, archive: Path, url: str, check: Callable[[Path], None] | None) -> None:
    """Unpack and check the archive beside itself, and move what it holds to `root`; remove it where it is wrong."""
    unpacked = archive.parent / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)  # left by a process that was killed
    try:
        unpack(archive, unpacked)
        content = single_top_folder(unpacked)
        if check is not None:
            _check(check, content, f"what {url} holds is not as published: ")
        if root.exists():
            root.rmdir()  # empty, as the caller made sure
        content.rename(root)
    except InputError:
        archive.unlink()  # its bytes are wrong: the next call begins anew
        raise
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _check(check: Callable[[Path], None], folder: Path, prefix: str) -> None:
    try:
        check(folder)
    except InputError as error:
        raise InputError(prefix + str(error).replace(f"{folder}{os.sep}", "")) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder, made if needed, against other processes on this machine (not on Windows, which cannot)."""
    while True:
        folder.mkdir(exist_ok=True)
        if sys.platform == "win32":
            yield
            return
        import fcntl

        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # the process before us has just finished and removed it
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if folder.exists() and os.path.samestat(os.fstat(handle), folder.stat()):
                yield
                return
        finally:
            os.close(handle)


_MAGIC = {
    ".wav": ((0, b"RIFF"), (8, b"WAVE")),
    ".ogg": ((0, b"OggS"),),
    ".flac": ((0, b"fLaC"),),
    ".au": ((0, b".snd"),),
    ".aif": ((0, b"FORM"),),
    ".aiff": ((0, b"FORM"),),
}


def header_fault(path: Path) -> str | None:
    """Return what is wrong with an audio file's header, or None where it is that of the format its name promises.

    Wav files are also compared with the size they announce, which finds those that are cut short.
    """
    magic = _MAGIC.get(path.suffix.lower())
    with path.open("rb") as handle:
        head = handle.read(12)
    if not head:
        return "is empty"
    if path.suffix.lower() == ".mp3":  # a tag, or the eleven set bits of a frame's sync word
        return None if head[:3] == b"ID3" or (head[0] == 0xFF and head[1:2] >= b"\xe0") else "is not a mp3 file"
    if magic is None:
        return f"has a format that is not checked ({path.suffix or 'no suffix'})"
    if any(head[at : at + len(mark)] != mark for at, mark in magic):
        return f"is not a {path.suffix[1:].lower()} file"
    announced = int.from_bytes(head[4:8], "little") + 8
    if path.suffix.lower() == ".wav" and announced > path.stat().st_size:
        return f"is cut short: {path.stat().st_size:,} of {announced:,} bytes"
    return None
