"""The guard on a model whose loss, gradient or input goes wrong at a known step."""

from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from callbacks.finite_loss import FiniteLoss, NonFiniteLossError
from datamodules.batch import Batch

BAD_STEP = 3
BATCH = 4


class Faulty(pl.LightningModule):
    """Linear regression to zero with two loss terms; `fault` says what goes wrong at BAD_STEP."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.layer = torch.nn.Linear(8, 1)
        self.weights: list[Tensor] = []

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        self.weights.append(self.layer.weight.detach().clone())
        bad = batch_idx == BAD_STEP
        fit = self.layer(batch.waveform).square().mean()
        penalty = self.layer.weight.square().sum()
        if bad and self.fault == "term":
            penalty = penalty * torch.inf
        if bad and self.fault == "gradient":
            penalty = penalty + (self.layer.weight * 0).abs().sum().sqrt()  # finite, with an infinite slope at 0
        terms = {"fit": fit, "penalty": penalty}
        return {"loss": fit + penalty, "terms": {name: term.detach() for name, term in terms.items()}}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=0.1)


def run(fault: str) -> tuple[Faulty, str]:
    torch.manual_seed(0)
    batches = []
    for number in range(6):
        waveform = torch.randn(BATCH, 8)
        if fault == "input" and number == BAD_STEP:
            waveform[2, 5] = torch.nan
        index = torch.arange(BATCH) + BATCH * number
        batches.append(Batch(waveform, torch.full((BATCH,), 8), torch.zeros(BATCH), index))
    model = Faulty(fault)
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        gradient_clip_val=1.0,
        callbacks=[FiniteLoss(lambda index: f"clip{index}")],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with pytest.raises(NonFiniteLossError) as stopped:
        trainer.fit(model, DataLoader(batches, batch_size=None))  # type: ignore[arg-type]
    return model, str(stopped.value)


@pytest.mark.parametrize(
    ("fault", "what", "clips"),
    [
        ("term", "the loss is inf (term penalty)", "clips of the batch: clip12, clip13, clip14, clip15"),
        ("gradient", "the norm of the gradient is nan", "clips of the batch: clip12, clip13, clip14, clip15"),
        ("input", "the loss is nan (term fit)", "clips with non-finite samples: clip14;"),
    ],
)
def test_training_stops_in_the_bad_step_and_says_why(fault: str, what: str, clips: str) -> None:
    model, message = run(fault)
    assert message.startswith(f"step {BAD_STEP} of epoch 1: {what}")
    assert clips in message
    assert "\n" not in message
    assert len(model.weights) == BAD_STEP + 1
    assert torch.equal(model.layer.weight, model.weights[BAD_STEP])  # as they were before the bad step
    assert not torch.equal(model.weights[BAD_STEP], model.weights[BAD_STEP - 1])


def test_many_clips_are_counted_instead_of_listed() -> None:
    batch = Batch(torch.zeros(20, 4), torch.full((20,), 4), torch.zeros(20), torch.arange(20))
    text = FiniteLoss(lambda index: f"c{index}")._clips(batch)
    assert text.endswith("c7 and 12 more")
