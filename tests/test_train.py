"""`train.py` from the command line to the run folder, on a few tiny sound scenes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from callbacks.checkpointing import read_checkpoint
from configs.compose import compose, load_yaml_config
from configs.errors import CommandError
from tests.tiny_run import TINY, sound_scenes
from train import main, train

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def tiny(output: Path, cache: Path, *more: str) -> list[str]:
    return [
        f"output={output}",
        f"data.cache_dir={cache}",
        "run_id=a",
        *TINY,
        *sound_scenes(32, 20, 21),
        "callbacks.listening.enabled=false",  # it logs its own seconds, which no two runs share
        *([] if any("max_epochs" in given for given in more) else ["trainer.max_epochs=2"]),
        *more,
    ]


def run_folder(output: Path) -> Path:
    return output / "sound_scenes_by_design" / "a"


def test_a_run_leaves_what_the_design_promises(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tiny(tmp_path, cache)) == 0
    shown = capsys.readouterr()
    run = run_folder(tmp_path)
    files = (path.relative_to(run).as_posix() for path in run.rglob("*"))
    assert sorted(name for name in files if not name.startswith("report/")) == [
        "checkpoints",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "config.yaml",
        "dictionary.pt",
        "metrics.csv",
        "report",
        "summary.json",
        "test_predictions.csv",
    ]
    assert (run / "report" / "index.html").is_file()
    answers = list(csv.DictReader((run / "test_predictions.csv").open(newline="")))
    assert [row["clip"] for row in answers] == [f"test/{number:05d}" for number in range(21)]
    for row in answers:
        assert sum(float(value) for name, value in row.items() if name.startswith("p(")) == pytest.approx(1, abs=1e-4)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["test/n"] == 21
    assert 0 <= summary["test/accuracy"] <= 1
    assert {"seed", "config_hash", "seconds/fit", "seconds/test", "parameters", "version/torch"} <= set(summary)
    assert all(isinstance(value, int | float | str) for value in summary.values())
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows if row["val/accuracy"]] == ["0", "1"]
    assert max(float(row["val/accuracy"]) for row in rows if row["val/accuracy"]) == summary["best/val/accuracy"]
    assert load_yaml_config(run / "config.yaml").run_id == "a"
    assert shown.out.splitlines()[-2:] == [f"run: {run}", f"report: {run}/report/index.html"]
    assert "epoch 2/2" in shown.out
    assert "by_design" in shown.out


def test_checkpoints_are_plain_data_and_rebuild_the_model(tmp_path: Path, cache: Path) -> None:
    train(compose(tiny(tmp_path, cache, "trainer.max_epochs=1")))
    for name in ("best", "last"):
        checkpoint = torch.load(run_folder(tmp_path) / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert len(checkpoint["hyper_parameters"]["class_names"]) > 1
        assert type(checkpoint["hyper_parameters"]["config"]) is dict


def test_the_same_seed_gives_the_same_bits(tmp_path: Path, cache: Path) -> None:
    weights = []
    for name in ("one", "two"):
        train(compose(tiny(tmp_path / name, cache)))
        weights.append(read_checkpoint(run_folder(tmp_path / name) / "checkpoints" / "last.ckpt")["state_dict"])
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert (run_folder(tmp_path / "one") / "metrics.csv").read_bytes() == (
        run_folder(tmp_path / "two") / "metrics.csv"
    ).read_bytes()


def test_wandb_changes_neither_weights_nor_metrics(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DIR", "DATA_DIR", "CACHE_DIR", "CONFIG_DIR", "ARTIFACT_DIR", "SILENT", "API_KEY"):
        monkeypatch.setenv(f"WANDB_{name}", "")
        monkeypatch.delenv(f"WANDB_{name}")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    metrics, weights = {}, {}
    for mode in ("disabled", "offline"):
        train(compose(tiny(tmp_path / mode, cache, f"logger.wandb={mode}")))
        run = run_folder(tmp_path / mode)
        metrics[mode] = (run / "metrics.csv").read_bytes()
        weights[mode] = read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]
    assert metrics["disabled"] == metrics["offline"]
    assert all(torch.equal(weights["disabled"][key], weights["offline"][key]) for key in weights["disabled"])
    assert list((run_folder(tmp_path / "offline") / "wandb").glob("offline-run-*/*.wandb"))


def test_the_twin_stands_beside_the_run(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tiny(tmp_path, cache, "twin=true", "trainer.max_epochs=1")) == 0
    assert "black_box (twin)" in capsys.readouterr().out
    summary = json.loads((run_folder(tmp_path) / "summary.json").read_text())
    twin = json.loads((tmp_path / "sound_scenes_by_design" / "a-black_box" / "summary.json").read_text())
    assert summary["twin/test/accuracy"] == twin["test/accuracy"]
    assert summary["twin/run"] == twin["run"]
    assert twin["model"] == "black_box"
    assert twin["test/n"] == summary["test/n"]


class Failing(pl.Callback):
    """Raises in the first step of the second epoch."""

    def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
        if trainer.current_epoch == 1:
            raise ZeroDivisionError("as planned")


def test_a_failure_keeps_its_traceback_and_the_last_epoch(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        train(compose(tiny(tmp_path, cache)), [Failing()])
    run = run_folder(tmp_path)
    assert "as planned" in (run / "traceback.txt").read_text()
    assert not (run / "summary.json").exists()
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["epoch"] == 0
    assert len((run / "metrics.csv").read_text().splitlines()) == 2


def test_early_stopping_ends_a_run_that_no_longer_improves(tmp_path: Path, cache: Path) -> None:
    more = ("trainer.max_epochs=9", "trainer.early_stopping=2", "optimizer.learning_rate=1e-30")
    summary = train(compose(tiny(tmp_path, cache, *more)))
    assert summary["epochs"] == 3  # the first epoch and two that were no better; of equals the last is kept
    assert summary["best/epoch"] == 3


def test_an_unknown_monitor_is_a_wrong_command(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(CommandError, match=r"trainer\.monitor=val/acc: no such metric is logged; logged: "):
        train(compose(tiny(tmp_path, cache, "trainer.monitor=val/acc")))


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["trainer.max_epoch=3"], 2, "error: unknown key trainer.max_epoch, did you mean 'trainer.max_epochs'?"),
        (["resume=nowhere"], 2, "error: resume=nowhere: no config.yaml there"),
        (["data.batch_size=33"], 1, "error: 32 training clips do not fill one batch of data.batch_size=33"),
        (["data.n_val=1", "trainer.devices=2"], 1, "error: 1 validation and 21 test clips are too few for trainer.dev"),
        (["data.name=audio_folder", "data.root=/nowhere"], 1, "error: data.root=/nowhere does not exist"),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, message: str
) -> None:
    given = [key for key in tiny(tmp_path, cache) if "audio_folder" not in str(more) or ".n_" not in key]
    assert main([*given, *more]) == code
    errors = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning:")]
    assert len(errors) == 1
    assert errors[0].startswith(message)
    assert not run_folder(tmp_path).exists()


def test_an_existing_run_id_and_an_unwritable_output_are_refused(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder(tmp_path).mkdir(parents=True)
    assert main(tiny(tmp_path, cache)) == 2
    assert f"error: run_id=a: {run_folder(tmp_path)} exists; continue it with resume=" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(tiny(tmp_path / "file", cache)) == 1
    assert "error: output=" in capsys.readouterr().err


def start(arguments: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "train.py", *arguments],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # tests that a shell runs in the background ignore Ctrl-C, and so would what they start
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path, cache: Path, number: int) -> None:
    process = start(tiny(tmp_path, cache, "trainer.max_epochs=10000"))
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch     3/"):  # printed just before that epoch is saved
            break
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    run = run_folder(tmp_path)
    assert process.returncode == 1
    assert errors.splitlines()[-1].endswith(f"continue with: python train.py resume={run}")
    assert "Traceback" not in errors
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["epoch"] >= 1
    assert not list(run.rglob("*.partial"))


@pytest.mark.slow
def test_a_killed_run_always_leaves_a_checkpoint_that_loads(tmp_path: Path, cache: Path) -> None:
    process = start(tiny(tmp_path, cache, "trainer.max_epochs=100000"))
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("epoch"))
    epochs = []
    for moment in range(20):
        time.sleep(0.05 + 0.013 * moment)
        os.kill(process.pid, signal.SIGSTOP)  # what a reader would find had it been killed now
        epochs.append(read_checkpoint(run_folder(tmp_path) / "checkpoints" / "last.ckpt")["epoch"])
        os.kill(process.pid, signal.SIGCONT)
    process.kill()
    process.communicate()
    assert epochs == sorted(epochs)
    run = run_folder(tmp_path)
    last = read_checkpoint(run / "checkpoints" / "last.ckpt")["epoch"]
    resumed = train(compose([f"resume={run}", f"trainer.max_epochs={last + 2}"]))
    assert resumed["epochs"] == last + 2
