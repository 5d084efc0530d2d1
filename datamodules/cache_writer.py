"""Write a waveform cache: announced, checked for room, in parallel, atomically, by one process at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from configs.errors import InputError
from datamodules.audio_files import BadClip, check_samples, resample
from datamodules.clip_source import Clip, ClipSource, Samples
from datamodules.waveform_cache import (
    FORMAT_VERSION,
    SAMPLES_FILE,
    CacheIndex,
    WaveformCache,
    open_cache,
    quantise,
)


def build_or_open(
    source: ClipSource, clips: Sequence[Clip], sample_rate: int, root: Path, progress: bool = True
) -> WaveformCache:
    """Return the cache of these clips, written first if there is none.

    The folder's name follows from the clips' content keys and the settings, so that changed audio, another sample rate
    or another format gets another cache, and folds over the same clips share one. Of several processes that start at
    once one writes and the others wait; if the writer dies, the lock falls to the next, which starts afresh.

    Args:
        source: reads the clips.
        clips: which ones; their order does not matter.
        sample_rate: Hz, of the stored clips.
        root: folder that holds all caches; made if missing.
        progress: show a progress bar.

    Raises:
        InputError: the folder cannot be written or its disk has too little room.
    """
    clips = sorted(clips, key=lambda clip: clip.name)
    root = root.expanduser().absolute()
    folder = root / f"{source.name}-{_fingerprint(source, clips, sample_rate)}"
    names = [clip.name for clip in clips]
    if (cache := open_cache(folder, names)) is not None:
        return cache
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root / f".{folder.name}.lock"):
            cache = open_cache(folder, names)  # written by another process while this one waited
            return cache or _write(source, clips, sample_rate, folder, progress)
    except OSError as error:
        raise InputError(f"cannot write the waveform cache in {root}: {error}; choose data.cache_dir") from None


def _write(source: ClipSource, clips: Sequence[Clip], sample_rate: int, folder: Path, progress: bool) -> WaveformCache:
    partial = folder.with_name(f".{folder.name}.partial")
    for leftover in (partial, folder):  # of a writer that died, or damaged: the lock says that nobody writes it now
        if leftover.exists():
            shutil.rmtree(leftover)
    _announce(source, clips, sample_rate, folder)
    partial.mkdir()
    try:
        index = CacheIndex(sample_rate, [], [], [], [], {})
        decoded = _decode(source, clips, sample_rate)
        with (partial / SAMPLES_FILE).open("wb") as file:
            for clip, result in _with_progress(decoded, len(clips), f"caching {source.name}", progress):
                if isinstance(result, BadClip):
                    index.bad[clip.name] = result.reason
                    continue
                stored, scale = quantise(result)
                index.names.append(clip.name)
                index.offsets.append(file.tell() // stored.itemsize)
                index.lengths.append(stored.size)
                index.scales.append(scale)
                file.write(stored.tobytes())
            file.flush()
            os.fsync(file.fileno())
        index.save(partial)
        partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return WaveformCache(folder)


def _decode(source: ClipSource, clips: Sequence[Clip], sample_rate: int) -> Iterator[tuple[Clip, Samples | BadClip]]:
    """Yield every clip in order, decoded by a few threads that stay a bounded number of clips ahead."""

    def one(clip: Clip) -> Samples | BadClip:
        try:
            samples, rate = source.read(clip)
            check_samples(samples, clip.name)
            samples = resample(samples, rate, sample_rate)
            check_samples(samples, clip.name)
        except BadClip as bad:
            return bad
        return samples

    workers = os.cpu_count() or 1
    waiting: deque[tuple[Clip, Future[Samples | BadClip]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for clip in clips:
                waiting.append((clip, pool.submit(one, clip)))
                if len(waiting) > 4 * workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _with_progress(
    items: Iterator[tuple[Clip, Samples | BadClip]], total: int, title: str, progress: bool
) -> Iterator[tuple[Clip, Samples | BadClip]]:
    if not progress:
        yield from items
        return
    from rich.progress import track

    yield from track(items, description=title, total=total)


def _announce(source: ClipSource, clips: Sequence[Clip], sample_rate: int, folder: Path) -> None:
    """Say what will be written and where, before it is; refuse where the disk has no room for it."""
    size = sum(2 * round(_seconds(source, clip) * sample_rate) for clip in clips)
    free = shutil.disk_usage(folder.parent).free
    if size > free:
        raise InputError(
            f"the waveform cache needs {size / 1e6:.0f} MB and {folder.parent} has {free / 1e6:.0f} MB free; "
            "free some space or choose data.cache_dir"
        )
    print(f"caching {len(clips)} clips, {size / 1e6:.1f} MB in {folder}", flush=True)


def _seconds(source: ClipSource, clip: Clip) -> float:
    try:
        return source.seconds(clip)
    except BadClip:
        return 0.0  # reading it will tell what is wrong


def _fingerprint(source: ClipSource, clips: Sequence[Clip], sample_rate: int) -> str:
    digest = hashlib.sha256(f"{FORMAT_VERSION}|{sample_rate}".encode())
    for clip in clips:
        digest.update(f"\n{clip.name}\t{source.content_key(clip)}".encode())
    return digest.hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock; the system releases it when the process ends, however it ends."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process that writes {path.parent}", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
