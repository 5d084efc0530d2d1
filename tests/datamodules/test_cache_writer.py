import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from configs.errors import InputError
from datamodules.cache_writer import build_or_open

REPOSITORY = Path(__file__).resolve().parents[2]

# A source in a process of its own: 30 clips of one constant each; every read leaves a line in a log and takes a while.
SCRIPT = """
import sys, time
from pathlib import Path
import numpy as np
from datamodules.cache_writer import build_or_open
from datamodules.clip_source import Clip

root, log, pause = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

class Source:
    name = "slow"
    def seconds(self, clip): return 1000 / 8000
    def content_key(self, clip): return "same"
    def read(self, clip):
        with log.open("a") as file:
            file.write(clip.name + "\\n")
        time.sleep(pause)
        return np.full(1000, 1 + int(clip.name), np.float32), 8000

clips = [Clip(f"{i:02d}", 0, "") for i in range(30)]
cache = build_or_open(Source(), clips, 8000, root, progress=False)
assert all(np.allclose(cache.read(c.name), 1 + int(c.name), rtol=1e-4) for c in clips)
print("good", cache.folder.name)
"""


def start(root: Path, log: Path, pause: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(root), str(log), str(pause)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def build(source, root: Path, clips=None, rate: int = 8000):
    everything = [clip for split in source.splits.values() for clip in split]
    return build_or_open(source, clips or everything, rate, root, progress=False)


def test_every_clip_is_read_once_and_never_again(source, tmp_path):
    cache = build(source, tmp_path)
    assert sorted(source.reads) == sorted(source.arrays)
    again = build(source, tmp_path)
    assert len(source.reads) == len(source.arrays)
    assert again.folder == cache.folder
    for name, array in source.arrays.items():
        assert np.abs(cache.read(name) - array).max() <= np.abs(array).max() / 32767 / 2 * 1.01
    assert cache.nbytes == 2 * sum(array.size for array in source.arrays.values())


def test_the_order_of_the_clips_makes_no_other_cache(source, tmp_path):
    clips = [clip for split in source.splits.values() for clip in split]
    assert build(source, tmp_path, clips).folder == build(source, tmp_path, clips[::-1]).folder


def test_other_content_or_rate_makes_another_cache(source, tmp_path):
    folders = {build(source, tmp_path).folder, build(source, tmp_path, rate=4000).folder}
    source.arrays["val000"] = source.arrays["val000"] * 0.5
    folders.add(build(source, tmp_path).folder)
    assert len(folders) == 3


def test_clips_are_resampled_to_the_rate_of_the_run(source, tmp_path):
    time_axis = np.arange(4000) / 8000
    source.arrays["val000"] = np.sin(2 * np.pi * 500 * time_axis).astype(np.float32)
    read = build(source, tmp_path, rate=4000).read("val000")
    assert read.size == 2000
    np.testing.assert_allclose(read[100:-100], np.sin(2 * np.pi * 500 * np.arange(2000) / 4000)[100:-100], atol=0.02)


def test_size_and_place_are_told_before_anything_is_read(source, tmp_path, capsys):
    told = []
    read = source.read
    source.read = lambda clip: told.append(capsys.readouterr().out) or read(clip)
    cache = build(source, tmp_path)
    assert told[0] == f"caching 21 clips, {cache.nbytes / 1e6:.1f} MB in {cache.folder}\n"


def test_bad_clips_are_kept_with_their_reasons(source, tmp_path):
    source.arrays |= {
        "train003": "truncated",
        "val001": np.zeros(3000, np.float32),
        "test001": np.full(2000, np.nan, np.float32),
    }
    bad = build(source, tmp_path).bad
    assert list(bad) == ["test001", "train003", "val001"]
    assert bad["train003"] == "truncated"
    assert "NaN" in bad["test001"]
    assert "silent" in bad["val001"]
    assert build(source, tmp_path).bad == bad


def test_two_processes_at_once_make_one_cache(tmp_path):
    log = tmp_path / "log"
    processes = [start(tmp_path / "cache", log, 0.01) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sorted(log.read_text().split()) == [f"{i:02d}" for i in range(30)]
    assert sum("caching 30 clips" in output for output in outputs) == 1


def test_a_killed_writer_leaves_nothing_in_the_way(tmp_path):
    log, root = tmp_path / "log", tmp_path / "cache"
    process = start(root, log, 0.2)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not log.exists() or len(log.read_text().split()) < 3):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not [path for path in root.iterdir() if not path.name.startswith(".")]
    second = start(root, log, 0.0)
    output = second.communicate(timeout=60)[0]
    assert second.returncode == 0, output
    assert [path.name for path in root.iterdir() if not path.name.endswith(".lock")] == [output.split()[-1]]


def test_an_error_while_writing_leaves_nothing_behind(source, tmp_path):
    def fail(clip):
        raise ZeroDivisionError("a fault in the source")

    source.read, read = fail, source.read
    with pytest.raises(ZeroDivisionError):
        build(source, tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    source.read = read
    assert not build(source, tmp_path).bad


def test_a_damaged_cache_is_written_again(source, tmp_path):
    folder = build(source, tmp_path).folder
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:-3])
    assert build(source, tmp_path).read("val000").size == source.arrays["val000"].size


def test_too_little_room_is_told_in_one_line(source, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    with pytest.raises(InputError, match=r"needs \d+ MB and .* has 0 MB free; .*data\.cache_dir") as raised:
        build(source, tmp_path)
    assert "\n" not in str(raised.value)
    assert not source.reads


def test_a_place_that_cannot_be_written_is_named(source, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match=r"cannot write the waveform cache in .*data\.cache_dir"):
        build(source, tmp_path / "file" / "cache")
