"""Two processes share work and shards: the same result as one, and nobody waits for one that failed."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from callbacks.dissection_files import read_lines
from callbacks.instrument import InstrumentError
from callbacks.shards import Shards
from explain import main as explain

ROOT = Path(__file__).resolve().parents[2]


def alone(rank=0, world=1):
    return Shards(SimpleNamespace(global_rank=rank, world_size=world))


def test_one_process_exchanges_nothing():
    shards = alone()
    assert shards.together(lambda: shards.gather({"a": 1})) == [{"a": 1}]
    assert shards.from_first(lambda: 7) == 7
    with pytest.raises(ValueError, match="own"):
        shards.together(lambda: (_ for _ in ()).throw(ValueError("own")))


def _meet(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    shards, found = alone(rank, 2), []
    found.append(shards.together(lambda: shards.gather(torch.full((2,), float(rank)))))
    found.append(shards.together(lambda: shards.from_first(lambda: "made by the first")))

    def fails_on(failing, after):
        def work():
            if after:
                shards.gather(rank)
            if rank == failing:
                raise ValueError("disk full")
            return shards.gather(rank)

        return work

    for failing in (0, 1):
        for after in (False, True):
            try:
                shards.together(fails_on(failing, after))
            except (ValueError, InstrumentError) as error:
                found.append(f"{type(error).__name__}: {error}")
    late = None
    try:
        shards.together(lambda: 1 / 0 if rank == 1 else 5)  # after the last exchange of the work
    except (ZeroDivisionError, InstrumentError) as error:
        late = type(error).__name__
    torch.save((found, late), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_see_the_same_and_fail_together(tmp_path):
    mp.start_processes(_meet, (str(tmp_path),), nprocs=2, start_method="fork")
    results = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for found, _ in results:
        assert [each.tolist() for each in found[0]] == [[0, 0], [1, 1]]
        assert found[1] == "made by the first"
    own, other = "ValueError: disk full", "InstrumentError: it failed on another process"
    assert results[0][0][2:] == [own, own, other, other]
    assert results[1][0][2:] == [other, other, own, own]
    assert [late for _, late in results] == ["InstrumentError", "ZeroDivisionError"]


@pytest.mark.slow
def test_two_processes_dissect_as_one(tmp_path, capsys):
    arguments = [
        *(f"output={tmp_path}", f"data.cache_dir={tmp_path / 'cache'}", "data.seconds=1", "data.n_train=49"),
        *("data.n_val=37", "data.n_test=12", "data.batch_size=8", "front_end.n_mels=32", "backbone.width=4"),
        *("trainer.max_epochs=1", "trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu"),
        *("logger.wandb=disabled", "model.n_components=8", "model.nmf.updates=5", "model.nmf.frames=500"),
        *("callbacks.dissection.enabled=true", "callbacks.dissection.on_error=raise", "callbacks.dissection.k=6"),
        *("callbacks.dissection.ablated_units=2", "callbacks.listening.enabled=false"),
    ]
    done = subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    folder = next(tmp_path.glob("*/*/summary.json")).parent
    together = {report.key: report for report in read_lines(folder / "dissection" / "end.jsonl")}
    other = tmp_path / "alone"
    assert explain([f"run={folder}", "what=units", f"output={other}", "report=false"]) == 0
    one = {report.key: report for report in read_lines(other / "dissection" / "end.jsonl")}
    assert together.keys() == one.keys()
    for key, report in together.items():
        expected = one[key]
        assert (report.label, report.best, report.dead) == (expected.label, expected.best, expected.dead)
        assert [excerpt.index for excerpt in report.top] == [excerpt.index for excerpt in expected.top]
        for name in ("auprc", "correlation", "mean", "std"):
            ours, theirs = getattr(report, name), getattr(expected, name)
            assert ours == (theirs if theirs is None else pytest.approx(theirs, rel=1e-4, abs=1e-6)), (key, name)
