"""A run that is interrupted and resumed ends with the same weights, states and metrics as one that was not."""

import csv
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from callbacks.checkpointing import read_checkpoint
from configs.compose import compose
from configs.errors import CommandError, InputError
from tests.tiny_run import TINY, sound_scenes
from train import InterruptedRunError, train

EPOCHS = 4


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _interrupts_as_before() -> Iterator[None]:
    """Lightning ignores Ctrl-C for the rest of the process once it has seen one."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def arguments(output: Path, cache: Path, *more: str) -> list[str]:
    return [
        f"output={output}",
        f"data.cache_dir={cache}",
        "run_id=a",
        *TINY,
        *sound_scenes(48, 20, 20),
        "optimizer.learning_rate=0.01",
        *([] if any("max_epochs" in given for given in more) else [f"trainer.max_epochs={EPOCHS}"]),
        "trainer.early_stopping=50",
        *more,
    ]


class InterruptAt(pl.Callback):
    """Raises what Ctrl-C raises, at a batch of an epoch (both from 0)."""

    def __init__(self, epoch: int, batch: int = 0) -> None:
        self.at = (epoch, batch)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == self.at:
            raise KeyboardInterrupt


def difference(first: Any, second: Any, path: str = "") -> list[str]:
    """Every leaf in which two checkpoints differ at all."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = [key for key in {**first, **second} if key != "seconds"]  # wall-clock time of FitClock
        return [d for key in keys for d in difference(first.get(key), second.get(key), f"{path}/{key}")]
    if isinstance(first, list | tuple) and isinstance(second, list | tuple) and len(first) == len(second):
        return [d for n, (a, b) in enumerate(zip(first, second, strict=True)) for d in difference(a, b, f"{path}/{n}")]
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return [] if first.dtype == second.dtype and torch.equal(first, second) else [path]
    return [] if type(first) is type(second) and first == second else [path]


def metrics(run: Path) -> list[dict[str, str]]:
    """Rows of metrics.csv without the wall-clock time that instruments took."""
    with (run / "metrics.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if not k.endswith("/seconds")} for row in csv.DictReader(file)]


def same_run(first: Path, second: Path) -> list[str]:
    """Differences of two finished runs: last checkpoint (loops aside), best score, metrics and test figures."""
    one, two = (read_checkpoint(run / "checkpoints" / "last.ckpt") for run in (first, second))
    found = [d for key in one if key not in ("loops", "hyper_parameters") for d in difference(one[key], two[key], key)]
    found += ["metrics.csv"] if metrics(first) != metrics(second) else []
    return found


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_resuming_at_each_epoch_boundary_changes_nothing(tmp_path: Path, cache: Path, workers: int) -> None:
    more = f"data.num_workers={workers}"
    whole = train(compose(arguments(tmp_path / "whole", cache, more)))
    for epoch in range(EPOCHS) if workers == 0 else (0, 2):
        output = tmp_path / f"stopped_{epoch}"
        with pytest.raises(InterruptedRunError, match="resume="):
            train(compose(arguments(output, cache, more)), [InterruptAt(epoch, batch=1)])
        run = output / "sound_scenes_by_design" / "a"
        assert read_checkpoint(run / "checkpoints" / "last.ckpt")["epoch"] == max(0, epoch - 1)
        resumed = train(compose([f"resume={run}"]))
        assert same_run(tmp_path / "whole" / "sound_scenes_by_design" / "a", run) == []
        assert resumed["test/accuracy"] == whole["test/accuracy"]
        assert resumed["test/loss"] == whole["test/loss"]


def test_a_resumed_run_chooses_the_faithful_epoch_that_an_uninterrupted_one_chooses(
    tmp_path: Path, cache: Path
) -> None:
    more = (
        "callbacks.listening.enabled=false",
        "callbacks.faithfulness.enabled=true",
        "callbacks.faithfulness.on_error=raise",
        "callbacks.faithfulness.n_clips=5",
        "callbacks.faithfulness.every_n_epochs=1",
        "trainer.monitor=faithfulness/input_fidelity",
        "trainer.within_standard_errors=2",
    )
    whole = train(compose(arguments(tmp_path / "whole", cache, *more)))
    output = tmp_path / "stopped"
    with pytest.raises(InterruptedRunError, match="resume="):
        train(compose(arguments(output, cache, *more)), [InterruptAt(2, batch=1)])
    run = output / "sound_scenes_by_design" / "a"
    resumed = train(compose([f"resume={run}"]))
    assert same_run(tmp_path / "whole" / "sound_scenes_by_design" / "a", run) == []
    assert resumed["best/epoch"] == whole["best/epoch"]
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_another_seed_gives_other_weights(tmp_path: Path, cache: Path) -> None:
    train(compose(arguments(tmp_path / "one", cache, "trainer.max_epochs=1")))
    train(compose(arguments(tmp_path / "two", cache, "trainer.max_epochs=1", "seed=1")))
    runs = [tmp_path / name / "sound_scenes_by_design" / "a" for name in ("one", "two")]
    assert any("state_dict" in path for path in same_run(*runs))


def test_a_finished_run_is_not_trained_again_unless_epochs_are_added(tmp_path: Path, cache: Path) -> None:
    first = train(compose(arguments(tmp_path, cache, "trainer.max_epochs=1")))
    assert train(compose([f"resume={first['run']}"])) == first
    longer = train(compose([f"resume={first['run']}", "trainer.max_epochs=2"]))
    assert longer["epochs"] == 2
    assert longer["seconds/fit"] > first["seconds/fit"]
    assert train(compose([f"resume={first['run']}"]))["epochs"] == 2


def test_a_moved_run_resumes_and_keeps_its_best_score(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(InterruptedRunError):
        train(compose(arguments(tmp_path / "here", cache)), [InterruptAt(2)])
    run = tmp_path / "there"
    shutil.move(tmp_path / "here" / "sound_scenes_by_design" / "a", run)
    train(compose([f"resume={run}"]))
    train(compose(arguments(tmp_path / "whole", cache)))
    assert same_run(tmp_path / "whole" / "sound_scenes_by_design" / "a", run) == []


def test_what_cannot_be_resumed_is_refused_in_one_line(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(InterruptedRunError):
        train(compose(arguments(tmp_path, cache)), [InterruptAt(1)])
    run = tmp_path / "sound_scenes_by_design" / "a"
    with pytest.raises(CommandError, match=r"optimizer\.learning_rate=0\.1 differs from 0\.01"):
        train(compose([f"resume={run}", "optimizer.learning_rate=0.1"]))
    last = run / "checkpoints" / "last.ckpt"
    whole = last.read_bytes()
    last.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"last\.ckpt: cannot be read as a checkpoint .*truncated"):
        train(compose([f"resume={run}"]))
    last.unlink()
    with pytest.raises(InputError, match=r"last\.ckpt: no such checkpoint"):
        train(compose([f"resume={run}"]))
    assert (run / "config.yaml").is_file()


class KilledAtTheEnd(pl.Callback):
    """Stops between the last checkpoint of a training and its end."""

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        raise KeyboardInterrupt


WATCHED = ("enabled=true", "on_error=raise", "n_clips=5", "every_n_epochs=0")
FAITHFULNESS = tuple(f"callbacks.faithfulness.{setting}" for setting in WATCHED)


def last_figures(run: Path) -> dict[str, str]:
    return {key: value for key, value in metrics(run)[-1].items() if "chosen" in key}


def test_instruments_measure_the_end_of_a_run_that_was_killed_before_it(tmp_path: Path, cache: Path) -> None:
    """Or that was finished without them: both have the figures of an uninterrupted run."""
    silent = ("callbacks.listening.enabled=false", "trainer.max_epochs=1")
    whole = train(compose(arguments(tmp_path / "whole", cache, *silent, *FAITHFULNESS)))
    expected = last_figures(Path(whole["run"]))
    assert expected["faithfulness/chosen_input_fidelity"]
    with pytest.raises(InterruptedRunError, match="resume="):
        # before the instruments' own end, as callbacks are called in this order
        train_killed_first(compose(arguments(tmp_path / "killed", cache, *silent, *FAITHFULNESS)))
    killed = tmp_path / "killed" / "sound_scenes_by_design" / "a"
    train(compose([f"resume={killed}"]))
    assert last_figures(killed) == expected
    plain = Path(train(compose(arguments(tmp_path / "plain", cache, *silent)))["run"])
    assert "faithfulness/chosen_input_fidelity" not in metrics(plain)[-1]
    added = train(compose([f"resume={plain}", *FAITHFULNESS]))
    assert last_figures(plain) == expected
    assert added["test/loss"] == whole["test/loss"]


def train_killed_first(config: Any) -> None:
    """Train with a callback in front of the instruments that stops the run at the end of its training."""
    import callbacks.trainer_setup as setup

    chosen = setup.chosen_callbacks
    setup.chosen_callbacks = lambda config: [KilledAtTheEnd(), *chosen(config)]
    try:
        train(config)
    finally:
        setup.chosen_callbacks = chosen


def test_an_instrument_that_chooses_the_epoch_cannot_be_changed(tmp_path: Path, cache: Path) -> None:
    monitored = ("trainer.max_epochs=1", "callbacks.listening.enabled=false", "callbacks.faithfulness.enabled=true",
                 "callbacks.faithfulness.n_clips=4", "trainer.monitor=faithfulness/input_fidelity")  # fmt: skip
    run = train(compose(arguments(tmp_path, cache, *monitored)))["run"]
    with pytest.raises(CommandError, match=r"callbacks\.faithfulness\.n_clips=5 differs from 4"):
        train(compose([f"resume={run}", "callbacks.faithfulness.n_clips=5"]))
