"""Where the time goes, by hand and in a real training of two epochs."""

import time
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch

from callbacks.time_profile import TimeProfile


def spent(profile, name, seconds, count=1):
    profile.seconds[name] += seconds
    profile.counts[name] += count


def test_parts_add_up_to_an_epoch_by_hand():
    profile, strategy = TimeProfile(), "[Strategy]SingleDeviceStrategy"
    spent(profile, "run_training_epoch", 20.0, 2)
    spent(profile, "[_TrainingEpochLoop].train_dataloader_next", 2.0)
    spent(profile, f"{strategy}.training_step", 4.0)
    spent(profile, f"{strategy}.backward", 6.0)
    spent(profile, "[LightningModule]Net.optimizer_step", 11.0)
    spent(profile, "[_EvaluationLoop].val_next", 0.5)
    spent(profile, f"{strategy}.validation_step", 1.5)
    spent(profile, "[Callback]instrument:faithfulness.on_validation_epoch_end", 3.0)
    spent(profile, "[Callback]RunCheckpoints{'monitor': None}.on_train_epoch_end", 1.0)
    spent(profile, "[Callback]instrument:faithfulness.on_train_end", 7.0)
    spent(profile, "[Callback]Quick.on_train_batch_end", 0.0001)
    trainer = SimpleNamespace(lightning_module=SimpleNamespace(automatic_optimization=True))
    assert profile.figures(trainer) == pytest.approx({
        "profile/loader": 1.0, "profile/forward": 2.0, "profile/backward": 3.0, "profile/optimizer": 0.5,
        "profile/validation": 1.0, "profile/callback/faithfulness": 1.5, "profile/callback/RunCheckpoints": 0.5,
        "profile/rest": 1.0, "profile_end/faithfulness": 7.0,
    })  # fmt: skip
    manual = SimpleNamespace(lightning_module=SimpleNamespace(automatic_optimization=False))
    assert "profile/optimizer" not in profile.figures(manual)
    assert TimeProfile().figures(trainer) == {}


class Slow(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch, batch_idx):
        time.sleep(0.02)
        return self.layer(batch[0]).sum()

    def validation_step(self, batch, batch_idx):
        time.sleep(0.01)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Sleeper(pl.Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        time.sleep(0.05)


def test_a_training_says_where_its_time_went(tmp_path):
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 2)), batch_size=1)
    profile = TimeProfile()
    trainer = pl.Trainer(
        default_root_dir=tmp_path, max_epochs=2, profiler=profile, callbacks=[Sleeper()], logger=False,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, num_sanity_val_steps=0,
        accelerator="cpu",
    )  # fmt: skip
    started = time.perf_counter()
    trainer.fit(Slow(), data, data)
    wall = time.perf_counter() - started
    found = profile.figures(trainer)
    assert found["profile/forward"] >= 4 * 0.02
    assert found["profile/validation"] >= 4 * 0.01
    assert found["profile/callback/Sleeper"] >= 0.05
    assert found["profile/loader"] > 0
    assert 2 * sum(value for name, value in found.items() if name.startswith("profile/")) <= wall
