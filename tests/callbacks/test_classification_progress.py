"""The time that is left, from trainings whose pace is known."""

import time
from types import SimpleNamespace

import pytest

import callbacks.classification_progress as progress
from callbacks.classification_progress import Outlook
from report.run_folder import RunFolder


def cell(model, seed=0, epochs=10):
    config = SimpleNamespace(trainer=SimpleNamespace(max_epochs=epochs))
    return SimpleNamespace(data="d", model=model, seed=seed, title=f"d {model}, seed {seed}", config=config)


class Hashable(SimpleNamespace):
    __hash__ = object.__hash__
    __eq__ = object.__eq__


def cells(*models):
    return [Hashable(**vars(cell(model, seed))) for seed, model in enumerate(models)]


@pytest.fixture
def folder(tmp_path):
    def make(name, seconds=None, epochs=0):
        run = RunFolder(tmp_path / name)
        run.path.mkdir()
        if seconds is not None:
            run.write_summary({"test/accuracy": 0.5, "seconds/fit": seconds, "seconds/test": 0.0})
        rows = "".join(f"{epoch},{epoch}\n" for epoch in range(epochs))
        run.metrics.write_text(f"step,epoch\n{rows}")
        return run

    return make


def test_what_waits_takes_as_long_as_what_is_known_of_its_kind(folder, capsys):
    fast, slow, more, other = cells("fast", "slow", "slow", "new")
    outlook = Outlook([fast, slow, more, other], jobs=2)
    assert outlook.seconds_left is None
    outlook.found(fast, folder("a", seconds=100))
    outlook.found(slow, folder("b", seconds=300))
    # 300 s of its own kind, 200 s as the mean of all kinds, shared by two
    assert outlook.seconds_left == pytest.approx(300)
    assert "[2/4] d slow, seed 1: 50.0 %, found in" in capsys.readouterr().err


def test_a_running_training_is_judged_by_its_epochs(folder, monkeypatch, capsys):
    (one, two) = cells("a", "a")
    outlook = Outlook([one, two], jobs=1)
    run = folder("one", epochs=2)  # goes on after two epochs
    now = time.monotonic()
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    outlook.starts(one, run)
    run.metrics.write_text("step,epoch\n" + "".join(f"{epoch},{epoch}\n" for epoch in range(6)))
    monkeypatch.setattr(progress.time, "monotonic", lambda: now + 40)  # 4 of 10 epochs in 40 s
    assert outlook.seconds_left == pytest.approx(40 + 100)
    capsys.readouterr()
    outlook.beats()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress.time, "monotonic", lambda: now + 70)
    outlook.beats()
    assert "[0/2] d a, seed 0 60 %; about 4 min left" in capsys.readouterr().err
