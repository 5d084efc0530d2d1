"""What a run answered for every test clip, as a table that other programs read."""

import csv
import io
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
import torch.distributed

from datamodules.batch import Batch
from report.run_folder import replace_file

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule

Answer = tuple[int, list[float], list[float]]
"""Position of a clip in the test split, its class probabilities, its target as C shares or labels (-1: unknown)."""


class TestPredictions(pl.Callback):
    """Writes `test_predictions.csv`: clip, recording, then probability and target of every class.

    A model that answers nothing, such as a generator, has no such table.

    The answers of all ranks are brought together; each clip has one row, in the order of the test split.
    """

    __test__ = False  # for pytest, which takes a class of this name for a test

    def __init__(self, datamodule: "AudioDataModule", path: Path) -> None:
        self.datamodule, self.path = datamodule, path
        self.answers: list[Answer] = []

    def on_test_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget an earlier test."""
        self.answers = []

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 - what `test_step` returned
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the probabilities of one batch."""
        if outputs is None or "logits" not in outputs:
            return
        logits = outputs["logits"].float()
        probabilities = logits.sigmoid() if self.datamodule.multi_label else logits.softmax(dim=-1)
        target = batch.target
        if target.ndim == 1:
            target = torch.nn.functional.one_hot(target, logits.shape[-1])
        if batch.observed is not None:
            target = target.masked_fill(~batch.observed, -1)
        self.answers += zip(batch.index.tolist(), probabilities.tolist(), target.tolist(), strict=True)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Bring the ranks' answers together and write the table on the first one."""
        everyone: list[Any] = [self.answers]
        if trainer.world_size > 1:
            everyone = [None] * trainer.world_size
            torch.distributed.all_gather_object(everyone, self.answers)
        if trainer.is_global_zero and any(everyone):
            replace_file(self.path, self.table(sorted(chain.from_iterable(everyone))).encode())

    def table(self, answers: list[Answer]) -> str:
        """Return the rows as CSV text."""
        names = self.datamodule.class_names
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["clip", "recording", *(f"p({n})" for n in names), *(f"target({n})" for n in names)])
        for index, probabilities, target in answers:
            clip = self.datamodule.clip("test", index)
            shares = [f"{p:.6g}" for p in probabilities]
            writer.writerow([clip.name, clip.group, *shares, *(f"{t:g}" for t in target)])
        return text.getvalue()
