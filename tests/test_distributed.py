"""Two processes on a CPU (gloo) train one model and score it as one would, on splits that do not divide evenly."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from callbacks.checkpointing import read_checkpoint
from callbacks.replica_agreement import average_batch_norm
from callbacks.trainer_setup import build_trainer
from configs.compose import load_yaml_config
from report.run_folder import RunFolder
from train import build_datamodule, build_model

ROOT = Path(__file__).resolve().parents[1]
N_VAL, N_TEST = 21, 37  # neither divides by two processes or by the batch of 8
PARTS = ("model.n_components=8", "model.nmf.updates=5", "model.nmf.frames=500")


def train_on_two(output: Path, *more: str) -> Path:
    """Run train.py with two processes and return its run folder."""
    arguments = [
        f"output={output}",
        f"data.cache_dir={output / 'cache'}",
        "data.seconds=1",
        "data.n_train=49",
        f"data.n_val={N_VAL}",
        f"data.n_test={N_TEST}",
        "data.batch_size=8",
        "front_end.n_mels=32",
        "backbone.width=4",
        "trainer.max_epochs=2",
        "trainer.devices=2",
        "trainer.strategy=ddp",
        "trainer.accelerator=cpu",
        "logger.wandb=disabled",
        *(() if "model.name=black_box" in more else PARTS),
        *more,
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run: ") == 1
    runs = list(output.glob("*/*/summary.json"))
    assert len(runs) == 1
    return runs[0].parent


def score_on_one(run: Path, tmp_path: Path) -> dict[str, float]:
    """Score the best checkpoint of a run with one process."""
    config = load_yaml_config(run / "config.yaml")
    config.trainer.devices, config.trainer.strategy = 1, "auto"
    datamodule = build_datamodule(config)
    model = build_model(config, datamodule)
    folder = RunFolder(run)
    model.load_state_dict(read_checkpoint(folder.best)["state_dict"])
    trainer = build_trainer(config, RunFolder(tmp_path), datamodule, [], [])
    validated = trainer.validate(model, datamodule, verbose=False)[0]
    return {**validated, **trainer.test(model, datamodule, verbose=False)[0]}


@pytest.mark.parametrize(
    "more",
    [(), pytest.param(("data.multi_label=true", "data.num_workers=1"), marks=pytest.mark.slow)],
    ids=["single-label", "multi-label"],
)
def test_two_processes_score_as_one(tmp_path: Path, more: tuple[str, ...]) -> None:
    run = train_on_two(tmp_path, *more)
    summary = json.loads((run / "summary.json").read_text())
    alone = score_on_one(run, tmp_path)
    name = "map" if more else "accuracy"
    assert summary["test/n"] == N_TEST
    for figure in (f"test/{name}", "test/loss"):
        assert abs(summary[figure] - alone[figure]) <= 1e-6, figure
    assert abs(summary[f"best/val/{name}"] - alone[f"val/{name}"]) <= 1e-6
    if not more:
        right = summary["test/accuracy"] * N_TEST  # a whole number of clips only if each counts once
        assert abs(right - round(right)) < 1e-4


@pytest.mark.slow
def test_two_processes_agree_on_the_most_faithful_epoch(tmp_path: Path) -> None:
    more = ("enabled=true", "on_error=raise", "n_clips=5", "every_n_epochs=1")
    choice = ("trainer.monitor=faithfulness/input_fidelity", "trainer.within_standard_errors=1")
    run = train_on_two(tmp_path, *(f"callbacks.faithfulness.{setting}" for setting in more), *choice)
    summary = json.loads((run / "summary.json").read_text())
    assert 0 <= summary["best/faithfulness/input_fidelity"] <= 1
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert len((run / "faithfulness.csv").read_text().splitlines()) == 1 + 5


@pytest.mark.slow
def test_two_processes_train_an_interpreter_as_one_scores_it(tmp_path: Path) -> None:
    box = train_on_two(tmp_path / "box", "model.name=black_box")
    run = train_on_two(tmp_path / "interpreter", "model.name=post_hoc", f"model.explains={box}")
    summary, alone = json.loads((run / "summary.json").read_text()), score_on_one(run, tmp_path)
    for figure in ("test/fidelity_top1", "test/accuracy", "test/loss"):
        assert abs(summary[figure] - alone[figure]) <= 1e-6, figure


def _average_in_process(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    norm = torch.nn.BatchNorm1d(2)
    norm.running_mean = torch.tensor([[1.0, 1000.0], [3.0, 1000.5]])[rank]
    norm.running_var = torch.tensor([[2.0, 0.1], [4.0, 0.3]])[rank]
    average_batch_norm(torch.nn.Sequential(norm, torch.nn.BatchNorm1d(2, track_running_stats=False)), 2)
    torch.save((norm.running_mean, norm.running_var), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_batch_norm_statistics_become_those_of_the_mixture(tmp_path: Path) -> None:
    mp.start_processes(_average_in_process, (str(tmp_path),), nprocs=2, start_method="fork")  # type: ignore[no-untyped-call, attr-defined]
    results: list[Any] = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for mean, variance in results:
        torch.testing.assert_close(mean, torch.tensor([2.0, 1000.25]), rtol=0, atol=1e-4)
        # mean of the variances (3, 0.2) plus variance of the means (1, 0.0625)
        torch.testing.assert_close(variance, torch.tensor([4.0, 0.2625]), rtol=1e-3, atol=0)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
