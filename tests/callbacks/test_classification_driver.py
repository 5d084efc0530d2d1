"""The driver of benchmark.py classification: skipping, failing, killed, terminated, and run twice at once."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from callbacks.classification_claims import Claims
from callbacks.classification_start import environment
from tests.callbacks.classification_calls import call, journal, launch, stub, table  # noqa: F401
from tests.tiny_run import QUIET, TINY_DATA, TINY_PARTS, sound_scenes

pytestmark = pytest.mark.usefixtures("stub")


def test_a_plan_is_trained_once_and_skipped_from_then_on(tmp_path, capsys):
    assert call(tmp_path / "out", "seeds=0,1", "jobs=2") == 0
    shown = capsys.readouterr()
    assert "| by_design | 2 | 20 | 72.5 ± 3.5 (95 % " in shown.out
    assert "[4/4]" in shown.err
    assert len(journal(tmp_path)) == 4
    before = table(tmp_path / "out")
    assert call(tmp_path / "out", "seeds=0,1", "threads=2", "data.num_workers=2", "data.cache_dir=elsewhere") == 0
    assert len(journal(tmp_path)) == 4  # neither changes a result
    assert [row["figures"] for row in table(tmp_path / "out")[0]["rows"]] == [
        row["figures"] for row in before[0]["rows"]
    ]
    assert call(tmp_path / "out", "seeds=1,2", "models=by_design", "jobs=2") == 0  # what is new is trained
    assert len(journal(tmp_path)) == 5
    assert call(tmp_path / "out", "models=by_design", "optimizer.learning_rate=0.1") == 0
    assert len(journal(tmp_path)) == 6
    assert call(tmp_path / "out", "trainer.threads=1") == 2


def test_what_fails_is_named_and_the_rest_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUB_FAILS", "1")
    more = ("seeds=0,1", "models=post_hoc", "jobs=2")
    assert call(tmp_path / "out", *more) == 1
    shown = capsys.readouterr()
    assert "sound_scenes black_box, seed 1: failed: the data of this seed cannot be used" in shown.err
    assert "sound_scenes post_hoc, seed 1: failed: needs sound_scenes black_box, seed 1, which failed" in shown.err
    assert "| post_hoc | 1 | 20 |" in shown.out
    assert "post_hoc has 1 of 2 trainings." in shown.out
    assert "## Failed" in shown.out
    failed = json.loads((tmp_path / "out" / "classification.json").read_text())["failed"]
    assert {(cell["model"], cell["seed"]) for cell in failed} == {("post_hoc", 1), ("black_box", 1)}
    monkeypatch.delenv("STUB_FAILS")
    assert call(tmp_path / "out", *more) == 0  # tried again
    assert [row["model"] for row in table(tmp_path / "out")[0]["rows"]] == ["post_hoc"]
    assert len(journal(tmp_path, "end")) == 4
    lines = (tmp_path / "journal").read_text().splitlines()
    for seed in (0, 1):  # an interpreter explains the twin of its seed, once that is trained
        (end,) = (n for n, line in enumerate(lines) if line.startswith(f"end sound_scenes_black_box/seed{seed}"))
        (start,) = (n for n, line in enumerate(lines) if line.startswith(f"start sound_scenes_post_hoc/seed{seed}"))
        assert end < start
        explained = Path(re.search(r"model\.explains=(\S+)", lines[start])[1])
        assert (explained.parent.name, explained.name[:6]) == ("sound_scenes_black_box", f"seed{seed}-")


def killed_at_random(tmp_path, kills, launcher, longest):
    """Kill a benchmark, alone or with its trainings, until it has been killed `kills` times; then let it end."""
    moments = random.Random(3)
    for number in range(kills):
        process = launcher()
        try:
            process.wait(moments.uniform(0.1, longest))
        except subprocess.TimeoutExpired:
            if number % 2:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
        process.stdout.close()
    last = launcher()
    said = last.communicate(timeout=600)[0]
    assert last.returncode == 0, said


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_ends_with_the_same_table(tmp_path, monkeypatch, kills):
    monkeypatch.setenv("STUB_SECONDS", "0.1")
    models = "by_design,black_box" if kills < 10 else "by_design,black_box,post_hoc"
    more = ("seeds=0,1" if kills < 10 else "seeds=0,1,2,3", "jobs=2", f"models={models}")
    assert call(tmp_path / "whole", *more) == 0
    (tmp_path / "journal").unlink()
    killed_at_random(tmp_path, kills, lambda: launch(tmp_path / "killed", *more), longest=3.0)
    assert table(tmp_path / "killed") == table(tmp_path / "whole")
    ends = Counter(journal(tmp_path, "end"))
    assert len(ends) == (4 if kills < 10 else 12)
    assert set(ends.values()) == {1}


def test_two_at_once_do_no_cell_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("STUB_SECONDS", "0.15")
    more = ("seeds=0,1", "models=black_box,post_hoc")
    processes = [launch(tmp_path / "out", *more) for _ in range(2)]
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert set(Counter(journal(tmp_path)).values()) == {1}
    assert len(journal(tmp_path)) == 4
    tables = ["\n".join(line for line in text.splitlines() if line.startswith("|")) for text in said]
    assert tables[0] == tables[1]
    assert "is trained by process" in "".join(said)


def test_a_claim_ends_with_those_who_hold_it(tmp_path):
    claims = Claims(tmp_path)
    first = claims.take("a")
    assert first is not None
    assert Claims(tmp_path).take("a") is None
    assert claims.holder("a") == str(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(first.descriptor,))
    first.release()
    assert claims.take("a") is None  # the training that was started with it still runs
    child.kill()
    child.wait()
    again = claims.take("a")
    assert again is not None
    again.release()


def test_terminated_it_ends_its_trainings(tmp_path, monkeypatch):
    monkeypatch.setenv("STUB_SECONDS", "30")
    process = launch(tmp_path / "out", "models=by_design")
    deadline = time.monotonic() + 60
    while not journal(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "the same command goes on" in said
    pid = int(re.search(r"pid (\d+)", (tmp_path / "journal").read_text())[1])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_trainings_stand_alone(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("SLURM_NTASKS", "8")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    found = environment(threads=3, slot=1)
    assert not {"RANK", "SLURM_NTASKS"} & set(found)
    assert (found["OMP_NUM_THREADS"], found["CUDA_VISIBLE_DEVICES"]) == ("3", "5")


REAL = [
    *TINY_DATA, *QUIET, *sound_scenes(24, 12, 12), "backbone.width=4", "trainer.max_epochs=3",
    "callbacks.listening.enabled=false", *(f"by_design.{word}" for word in TINY_PARTS),
    *(f"post_hoc.{word}" for word in TINY_PARTS),
]  # fmt: skip


@pytest.mark.slow
def test_real_trainings_killed_at_ten_moments_end_with_the_same_table(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code = "import sys, benchmark; sys.exit(benchmark.main(sys.argv[1:]))"
    more = [*REAL, f"data.cache_dir={tmp_path / 'cache'}", "jobs=2", "models=by_design,black_box,post_hoc"]
    more.append("columns=faithfulness")
    whole = launch(tmp_path / "whole", *more, code=code)
    started = time.monotonic()
    said = whole.communicate(timeout=1200)[0]
    took = time.monotonic() - started
    assert whole.returncode == 0, said
    killed_at_random(tmp_path, 10, lambda: launch(tmp_path / "killed", *more, code=code), longest=took / 3)
    found, expected = table(tmp_path / "killed")[0], table(tmp_path / "whole")[0]
    for one, two in zip(found["rows"], expected["rows"], strict=True):
        del one["figures"]["seconds"], two["figures"]["seconds"]
        assert one["figures"] == two["figures"]
    assert found["differences"] == expected["differences"]
    assert expected["rows"][0]["figures"]["faithfulness"]["n"] == 1
