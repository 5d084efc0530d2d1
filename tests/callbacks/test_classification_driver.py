"""The driver of benchmark.py classification: killed, run twice at once, failing, and with folders of others."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

import benchmark
import callbacks.classification_driver as driver
from callbacks.classification_claims import Claims
from callbacks.classification_start import environment
from tests.callbacks import stub_training
from tests.tiny_run import QUIET, TINY_DATA, TINY_PARTS, sound_scenes

REPOSITORY = Path(__file__).resolve().parents[2]
STUB = [sys.executable, str(Path(__file__).with_name("stub_training.py"))]
PLAN = ["classification", "data=sound_scenes", "wandb=disabled", "columns=accuracy", "report=false"]
LAUNCH = (
    "import sys, benchmark, callbacks.classification_driver as driver\n"
    f"driver.training_program = lambda: {STUB!r}\n"
    "sys.exit(benchmark.main(sys.argv[1:]))"
)


class Forked:
    """A stub that is forked off the test, in the place of subprocess.Popen, which would import everything anew."""

    def __init__(self, command, stdout, env, **more):
        self.returncode = None
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.dup2(stdout.fileno(), 1)
                sys.stdout = os.fdopen(1, "w")
                os.environ.update(env)
                code = stub_training.main(command[len(STUB) :])
                sys.stdout.flush()
            finally:
                os._exit(code)

    def poll(self):
        pid, status = os.waitpid(self.pid, os.WNOHANG) if self.returncode is None else (0, 0)
        self.returncode = os.waitstatus_to_exitcode(status) if pid else self.returncode
        return self.returncode


@pytest.fixture(autouse=True)
def _stub(monkeypatch, tmp_path):
    monkeypatch.setattr(driver, "training_program", lambda: STUB)
    places = {name: getattr(subprocess, name) for name in ("DEVNULL", "STDOUT", "TimeoutExpired")}
    monkeypatch.setattr(driver, "subprocess", SimpleNamespace(Popen=Forked, **places))
    monkeypatch.setenv("STUB_JOURNAL", str(tmp_path / "journal"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setattr(driver, "POLL", 0.02)


def call(output, *more):
    return benchmark.main([*PLAN, f"output={output}", *more])


def launch(output, *more, code=LAUNCH, env=None):
    command = [sys.executable, "-c", code, *PLAN, f"output={output}", *more]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True, env={**os.environ, **(env or {})}, **pipes)


def journal(folder, word="start"):
    lines = (folder / "journal").read_text().splitlines() if (folder / "journal").is_file() else []
    return [line.split()[1] for line in lines if line.startswith(word)]


def table(output):
    """The result without what names its folder."""
    text = json.dumps(json.loads((output / "classification.json").read_text())["sets"])
    return json.loads(text.replace(str(output), "OUT"))


def test_a_plan_is_trained_once_and_skipped_from_then_on(tmp_path, capsys):
    assert call(tmp_path / "out", "seeds=0,1", "jobs=2") == 0
    shown = capsys.readouterr()
    assert "| by_design | 2 | 20 | 72.5 ± 3.5 |" in shown.out
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


def test_a_run_of_other_settings_is_not_touched(tmp_path, capsys):
    assert call(tmp_path / "out", "models=by_design") == 0
    run = next((tmp_path / "out" / "sound_scenes_by_design").iterdir())
    config = run / "config.yaml"
    config.write_text(re.sub(r"learning_rate: \S+", "learning_rate: 0.5", config.read_text()))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert call(tmp_path / "out", "models=by_design,black_box") == 1
    shown = capsys.readouterr()
    assert f"run_id={run.name}: {run} is a run of other settings" in shown.err
    assert "| black_box | 1 |" in shown.out
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_runs_of_another_version_are_recognised_or_left_out_by_name(tmp_path, capsys):
    assert call(tmp_path / "out", "seeds=0,1", "models=by_design") == 0
    older, foreign = sorted((tmp_path / "out" / "sound_scenes_by_design").iterdir())
    text = (older / "config.yaml").read_text()
    (older / "config.yaml").write_text(re.sub(r"  label_smoothing: 0.0\n", "", text))  # did not exist then
    (foreign / "config.yaml").write_text((foreign / "config.yaml").read_text() + "teapot: 1\n")
    capsys.readouterr()
    assert call(tmp_path / "out", "seeds=0,1", "models=by_design") == 1
    shown = capsys.readouterr()
    assert f"warning: {foreign} is left out" in shown.err
    assert "teapot" in shown.err
    assert "was it written by another version?" in shown.err
    assert "| by_design | 1 |" in shown.out
    assert len(journal(tmp_path)) == 2


def test_runs_made_elsewhere_are_collected(tmp_path, capsys):
    more = ("models=by_design,post_hoc", "seeds=0,1", "jobs=2")
    for part in (1, 2):
        assert call(tmp_path / f"machine{part}", *more, f"shard={part}/2") == 0
    assert len(journal(tmp_path)) == 6
    assert set(Counter(journal(tmp_path)).values()) == {1}
    for part in (1, 2):  # as if copied from another machine: what interpreters explain is not where it was
        shutil.move(tmp_path / f"machine{part}", tmp_path / f"moved{part}")
    assert call(tmp_path / "all", *more, "jobs=0", f"collect={tmp_path}/moved*") == 0
    rows = table(tmp_path / "all")[0]["rows"]
    assert [row["figures"]["accuracy"]["mean"] for row in rows] == pytest.approx([72.5, 52.5])
    assert [row["finished"] for row in rows] == [2, 2]
    shutil.copytree(tmp_path / "moved1", tmp_path / "moved3")
    for path in (tmp_path / "moved3").glob("*/*/summary.json"):
        path.write_text(path.read_text().replace('"test/accuracy": 0.', '"test/accuracy": 0.0'))
    capsys.readouterr()
    assert call(tmp_path / "all", *more, "jobs=0", f"collect={tmp_path}/moved*") == 0
    assert "has the same settings and another score" in capsys.readouterr().err
    assert call(tmp_path / "all", *more, "jobs=0", "collect=nowhere") == 2
    assert "collect=nowhere: no such folder" in capsys.readouterr().err


def test_columns_are_added_to_what_is_finished(tmp_path):
    assert call(tmp_path / "out") == 0
    assert call(tmp_path / "out", "columns=faithfulness") == 0
    starts = [line for line in (tmp_path / "journal").read_text().splitlines() if line.startswith("start")]
    assert len(starts) == 4
    assert all("at 3" in line and "callbacks.faithfulness.enabled=true" in line for line in starts[2:])
    row = table(tmp_path / "out")[0]["rows"][0]
    assert row["figures"]["faithfulness"]["mean"] == pytest.approx(90)
    assert row["figures"]["seconds"]["mean"] == pytest.approx(2.5)  # without the instrument's
    assert call(tmp_path / "out", "columns=faithfulness") == 0
    assert call(tmp_path / "out", "columns=accuracy") == 0  # those with more are taken
    assert len([line for line in (tmp_path / "journal").read_text().splitlines() if line.startswith("start")]) == 4


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
    killed_at_random(tmp_path, 10, lambda: launch(tmp_path / "killed", *more, code=code), longest=took / 2)
    found, expected = table(tmp_path / "killed")[0], table(tmp_path / "whole")[0]
    for one, two in zip(found["rows"], expected["rows"], strict=True):
        del one["figures"]["seconds"], two["figures"]["seconds"]
        assert one["figures"] == two["figures"]
    assert found["differences"] == expected["differences"]
    assert expected["rows"][0]["figures"]["faithfulness"]["n"] == 1
