import resource
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from callbacks.checkpointing import CHECKPOINT_FORMAT, AtomicCheckpointIO, RunCheckpoints, mode_of, read_checkpoint
from configs.errors import CommandError, InputError
from report.run_folder import RunFolder

OURS = {"format": CHECKPOINT_FORMAT, "version": "0"}


@pytest.fixture
def disk_of_one_megabyte() -> Iterator[None]:
    """No file may grow beyond 1 MB: writing one fails as it does on a full disk, halfway."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path: Path, disk_of_one_megabyte: None) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"soundglass": OURS, "w": torch.arange(3)}, path)
    with pytest.raises(InputError, match=rf"cannot write {path} \(4,00\d,\d+ bytes\): .*the earlier file is kept"):
        AtomicCheckpointIO().save_checkpoint({"soundglass": OURS, "w": torch.zeros(1_000_000)}, path)
    assert read_checkpoint(path)["w"].tolist() == [0, 1, 2]
    assert list(tmp_path.iterdir()) == [path]


def test_every_cut_of_a_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"soundglass": OURS, "w": torch.zeros(1000)}, path)
    whole = path.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=rf"last.ckpt: cannot be read as a checkpoint \({size:,} bytes") as refused:
            read_checkpoint(path)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"soundglass": {"format": 0, "version": "0.0.1"}}, r"format 0 \(written by soundglass 0\.0\.1\)"),
        ({"state_dict": {}}, "format unknown"),
        (torch.zeros(1), "format unknown"),
        ({"soundglass": OURS, "object": SimpleNamespace()}, "cannot be read"),
    ],
)
def test_what_another_program_wrote_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(InputError, match=message):
        read_checkpoint(tmp_path / "x.ckpt")


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.ckpt: no such checkpoint"):
        read_checkpoint(tmp_path / "x.ckpt")


@pytest.mark.parametrize(
    ("monitor", "mode"),
    [("val/accuracy", "max"), ("val/map", "max"), ("val/loss", "min"), ("explanation/fid", "min")],
)
def test_direction_follows_the_name(monitor: str, mode: str) -> None:
    assert mode_of(monitor) == mode


class FakeTrainer:
    """A Trainer as far as RunCheckpoints looks at one."""

    ckpt_path = None
    current_epoch = 0
    callbacks: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self.callback_metrics: dict[str, torch.Tensor] = {}
        self.strategy = SimpleNamespace(reduce_boolean_decision=bool)
        self.saved: list[str] = []

    def save_checkpoint(self, path: Path) -> None:
        self.saved.append(path.name)


@pytest.mark.parametrize(
    ("monitor", "scores", "best"),
    [
        ("val/accuracy", [0.5, 0.4, 0.6, 0.6], [0, 2, 3]),
        ("val/loss", [0.5, 0.4, 0.6, 0.4], [0, 1, 3]),
        ("val/accuracy", [float("nan"), 0.1, float("nan")], [0, 1]),
    ],
)
def test_best_is_written_when_the_monitor_improves(
    tmp_path: Path, monitor: str, scores: list[float], best: list[int]
) -> None:
    trainer, checkpoints = FakeTrainer(), RunCheckpoints(RunFolder(tmp_path), monitor)
    better = []
    for epoch, score in enumerate(scores):
        trainer.current_epoch, trainer.callback_metrics, trainer.saved = epoch, {monitor: torch.tensor(score)}, []
        checkpoints.on_train_epoch_end(cast(Any, trainer), cast(Any, None))
        better += [epoch] if "best.ckpt" in trainer.saved else []
        assert trainer.saved[-1] == "last.ckpt"
    assert better == best
    restored = RunCheckpoints(RunFolder(tmp_path), monitor)
    restored.load_state_dict(checkpoints.state_dict())
    assert restored.best_epoch == best[-1]


def test_an_unknown_monitor_is_named_with_what_there_is(tmp_path: Path) -> None:
    trainer = FakeTrainer()
    trainer.callback_metrics = {"val/loss": torch.tensor(1.0)}
    with pytest.raises(CommandError, match=r"trainer\.monitor=val/acuracy: no such metric is logged; logged: val/loss"):
        RunCheckpoints(RunFolder(tmp_path), "val/acuracy").on_train_epoch_end(cast(Any, trainer), cast(Any, None))
