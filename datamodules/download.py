"""Downloads that resume where they broke off and are checked by size and hash."""

import errno
import hashlib
import http.client
import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from configs.errors import InputError

CHUNK = 1 << 18
TIMEOUT_SECONDS = 30.0
_RETRIED = (408, 429, 500, 502, 503, 504)
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)


class _Interrupted(Exception):  # noqa: N818 (internal: the attempt ended early and may be resumed)
    """The connection ended before the file did."""


@dataclass
class _Partial:
    """The bytes received so far, and what the server said of the file they belong to (kept beside them)."""

    file: Path
    url: str

    @property
    def note(self) -> Path:
        return self.file.with_name(self.file.name + ".json")

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0

    def validator(self) -> str | None:
        """Return the ETag or date the server gave for these bytes; None where they cannot be continued."""
        try:
            note = json.loads(self.note.read_text())
            return str(note["validator"]) if note["url"] == self.url and note["validator"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, validator: str | None) -> None:
        self.note.write_text(json.dumps({"url": self.url, "validator": validator}))

    def discard(self) -> None:
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    progress: bool = True,
    attempts: int = 5,
    pause: float = 1.0,
) -> Path:
    """Fetch `url` into the file `target` and return it; what an earlier call received is not fetched again.

    Until it is complete the file is `target` + ".part". A dropped connection is resumed (HTTP Range, guarded by ETag or
    Last-Modified) up to `attempts` times in a row without a new byte, waiting `pause` seconds, then twice as long.
    The hashes given, in hexadecimal, are what the file must have; some publishers give MD5 only.

    Raises:
        InputError: no connection, an answer other than the file, too little disk, a wrong size or hash. The partial
            file is kept where resuming makes sense and removed where its content is wrong.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"cannot download {url!r}: expected an address that begins with https:// or http://")
    partial = _Partial(target.with_name(target.name + ".part"), url)
    failures, received = 0, partial.size
    while True:
        try:
            _receive(partial, progress)
            break
        except (_Interrupted, urllib.error.URLError, http.client.HTTPException, OSError) as error:
            _raise_if_final(error, url, partial)
            failures = 1 if partial.size > received else failures + 1
            received = max(received, partial.size)
            if failures >= attempts:
                raise InputError(f"{_broken_off(url, partial)} ({_reason(error)}); run again to resume") from None
            time.sleep(pause * 2 ** (failures - 1))
    _check_hash(partial, "SHA-256", sha256)
    _check_hash(partial, "MD5", md5)
    partial.file.replace(target)
    partial.note.unlink(missing_ok=True)
    return target


def _receive(partial: _Partial, progress: bool) -> None:
    """Make one request for what is missing and append it; raises _Interrupted where less came than was announced."""
    validator = partial.validator()
    have = partial.size if validator else 0
    headers = {"User-Agent": "soundglass"}
    if have and validator:
        # A file that changed since is sent whole (200) instead of a part that would not fit (206).
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    request = urllib.request.Request(partial.url, headers=headers)  # noqa: S310 (scheme checked by the caller)
    try:
        opened = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if error.headers.get("Content-Range") == f"bytes */{have}":
            return  # all of it was here already
        partial.discard()
        raise _Interrupted("the file is shorter than what was received before") from None
    with opened as response:
        start, total = _placed(response, have)
        if start == 0:
            partial.discard()  # before the new note is written: old bytes must never stand beside it
            etag = response.headers.get("ETag", "")
            # A weak ETag (W/) promises the same meaning, not the same bytes.
            partial.remember(etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified"))
        _check_space(partial, None if total is None else total - start)
        with partial.file.open("ab" if start else "wb") as out, _bar(progress, partial.url, start, total) as advance:
            while block := response.read(CHUNK):
                out.write(block)
                advance(len(block))
    if total is not None and partial.size < total:
        raise _Interrupted(f"{partial.size:,} of {total:,} bytes came")
    if total is not None and partial.size > total:
        size = partial.size
        partial.discard()
        raise InputError(f"{partial.url} sent {size:,} bytes where it announced {total:,}; run again")


def _placed(response: http.client.HTTPResponse, have: int) -> tuple[int, int | None]:
    """Return where the answer's first byte belongs in the file, and the whole file's size where it is told."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if span.split("-")[0] == str(have):
            return have, int(total) if total.isdigit() else None
        raise InputError("the server sent another part of the file than was asked for; delete the .part file")
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _raise_if_final(error: Exception, url: str, partial: _Partial) -> None:
    """Raise InputError where trying again at once cannot help."""
    if isinstance(error, http.client.InvalidURL):
        raise InputError(f"cannot download {url!r}: {error}") from None
    if isinstance(error, urllib.error.HTTPError):
        if error.code not in _RETRIED:
            raise InputError(f"cannot download {url}: the server answers {error.code} {error.reason}") from None
    elif isinstance(error, urllib.error.URLError) and partial.size == 0:
        host = urllib.parse.urlsplit(url).hostname
        raise InputError(
            f"cannot reach {host} ({_reason(error)}); check the network, or fetch {url} elsewhere and unpack it"
        ) from None
    elif isinstance(error, OSError) and (error.filename is not None or error.errno in _DISK):
        raise InputError(f"cannot write the download: {error}") from None


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(getattr(reason, "strerror", None) or reason or error or type(error).__name__)


def _broken_off(url: str, partial: _Partial) -> str:
    return f"the download of {url} broke off at {partial.size:,} bytes"


def _check_space(partial: _Partial, needed: int | None) -> None:
    free = shutil.disk_usage(partial.file.parent).free
    if needed is not None and needed > free:
        folder = partial.file.parent
        raise InputError(f"{partial.url} needs {needed / 1e6:,.0f} MB, and {folder} has {free / 1e6:,.0f} MB free")


def _check_hash(partial: _Partial, kind: str, expected: str | None) -> None:
    """Remove the received file and raise InputError where its hash ("SHA-256", "MD5") is not the one given."""
    if expected is None:
        return
    with partial.file.open("rb") as handle:
        found = hashlib.file_digest(handle, kind.replace("-", "").lower()).hexdigest()
    if found != expected.lower():
        partial.discard()
        raise InputError(f"{partial.url} has {kind} {found}, not {expected.lower()}: damaged or replaced; removed")


@contextmanager
def _bar(progress: bool, url: str, start: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show bytes, speed and time left on the terminal; yields a function to call with each number of bytes."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not progress) as shown:
        task = shown.add_task(Path(urllib.parse.urlsplit(url).path).name, total=total, completed=start)
        yield lambda count: shown.advance(task, count)
