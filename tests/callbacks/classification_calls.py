"""Calls of benchmark.py classification with stubs in place of trainings, and what they leave behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import benchmark
import callbacks.classification_driver as driver
from tests.callbacks import stub_training

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


@pytest.fixture
def stub(monkeypatch, tmp_path):
    monkeypatch.setattr(driver, "training_program", lambda: STUB)
    places = {name: getattr(subprocess, name) for name in ("DEVNULL", "STDOUT", "TimeoutExpired")}
    monkeypatch.setattr(driver, "subprocess", SimpleNamespace(Popen=Forked, **places))
    monkeypatch.setenv("STUB_JOURNAL", str(tmp_path / "journal"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setattr(driver, "POLL", 0.02)


def starts(folder):
    """Lines of the journal that tell of a start."""
    return [line for line in (folder / "journal").read_text().splitlines() if line.startswith("start")]


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
