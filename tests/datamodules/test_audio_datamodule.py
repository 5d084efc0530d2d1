from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from configs.data_schema import AugmentationConfig
from configs.errors import InputError
from datamodules.batch import Batch

CHANGES = AugmentationConfig(noise_db=20.0)


def same(first: Batch, second: Batch) -> bool:
    names = ("waveform", "length", "target", "index")
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)


def test_describe_counts_what_there_is(source, make_datamodule):
    datamodule = make_datamodule(source)
    described = datamodule.describe()
    assert {k: described[k] for k in ("train", "val", "test", "classes", "skipped")} == {
        "train": 12,
        "val": 4,
        "test": 5,
        "classes": 2,
        "skipped": 0,
    }
    assert Path(described["cache"]).is_dir()
    assert described["cache_bytes"] == sum((Path(described["cache"]) / "samples.int16").stat().st_size for _ in [0])
    assert (datamodule.class_names, datamodule.n_classes, datamodule.multi_label) == (("low", "high"), 2, False)
    assert datamodule.clip("val", 3).name == "val003"


def test_permuted_labels_leave_the_test_split_as_it_is(source, make_datamodule):
    plain, permuted = make_datamodule(source), make_datamodule(source, permuted_labels=True)

    def targets(datamodule, split):
        return [clip.target for clip in datamodule.dataset(split).clips]

    assert targets(permuted, "test") == targets(plain, "test")
    assert targets(permuted, "train") != targets(plain, "train")
    assert sorted(targets(permuted, "train")) == sorted(targets(plain, "train"))


def test_an_epoch_serves_every_clip_once_and_evaluation_keeps_the_order(source, make_datamodule):
    datamodule = make_datamodule(source)
    assert sorted(i for batch in datamodule.train_dataloader() for i in batch.index.tolist()) == list(range(12))
    assert [i for batch in datamodule.test_dataloader() for i in batch.index.tolist()] == list(range(5))
    assert [len(batch) for batch in datamodule.test_dataloader()] == [4, 1]


def test_workers_change_nothing(source, make_datamodule):
    plain, workers = make_datamodule(source, CHANGES), make_datamodule(source, CHANGES, num_workers=2)
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        first, second = list(getattr(plain, name)()), list(getattr(workers, name)())
        assert len(first) == len(second) > 0
        assert all(same(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("num_workers", [0, 2])
def test_loading_draws_nothing_from_the_global_streams(source, make_datamodule, num_workers):
    datamodule = make_datamodule(source, CHANGES, num_workers=num_workers)
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    list(datamodule.train_dataloader())
    list(datamodule.val_dataloader())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()


class Recorder(pl.LightningModule):
    """Keeps every training batch it is given, by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.seen: dict[int, list[Batch]] = {}

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        self.seen.setdefault(self.current_epoch, []).append(batch)
        return self.layer(batch.waveform.mean().view(1, 1)).sum()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def fit(datamodule, folder: Path, epochs: int, checkpoint: Path | None = None) -> tuple[Recorder, pl.Trainer]:
    recorder = Recorder()
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        log_every_n_steps=1,
    )
    trainer.fit(recorder, datamodule=datamodule, ckpt_path=checkpoint, weights_only=False)
    return recorder, trainer


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_run_sees_what_the_uninterrupted_one_saw(source, make_datamodule, tmp_path, num_workers):
    def make():
        return make_datamodule(source, CHANGES, num_workers=num_workers)

    whole, _ = fit(make(), tmp_path, 4)
    _, half = fit(make(), tmp_path, 2)
    half.save_checkpoint(tmp_path / "half.ckpt")
    resumed, _ = fit(make(), tmp_path, 4, tmp_path / "half.ckpt")
    assert list(resumed.seen) == [2, 3]
    assert list(whole.seen) == [0, 1, 2, 3]
    for epoch in (2, 3):
        assert all(same(a, b) for a, b in zip(resumed.seen[epoch], whole.seen[epoch], strict=True))
    orders = [[i for batch in whole.seen[epoch] for i in batch.index.tolist()] for epoch in range(4)]
    assert all(orders[i] != orders[j] for i in range(4) for j in range(i))


def test_bad_clips_stop_the_run_or_are_left_out(source, make_datamodule):
    source.arrays |= {"train003": "truncated", "val001": np.zeros(3000, np.float32)}
    strict = make_datamodule(source)
    strict.prepare_data()
    with pytest.raises(InputError, match=r"2 of 21 clips .*train003 \(truncated\), val001 \(silent throughout\)"):
        strict.setup()
    lenient = make_datamodule(source, on_bad_file="skip")
    with pytest.warns(UserWarning, match="2 of 21 clips"):
        lenient.setup()
    assert lenient.skipped == {"train003": "truncated", "val001": "silent throughout"}
    assert (lenient.describe()["train"], lenient.describe()["val"], lenient.describe()["skipped"]) == (11, 3, 2)
    assert [lenient.clip("train", i).name for i in (2, 3)] == ["train002", "train004"]
    assert len(source.reads) == 21  # the second run found the first one's cache


def test_clips_shorter_than_a_frame_are_bad_whatever_frame_the_cache_was_written_for(source, make_datamodule):
    make_datamodule(source).setup()
    source.arrays["train003"] = np.ones(255, np.float32)
    datamodule = make_datamodule(source, on_bad_file="skip")
    with pytest.warns(UserWarning, match=r"1 of 21 .*train003 \(255 samples, shorter than one analysis frame of 256"):
        datamodule.setup()
    assert list(datamodule.skipped) == ["train003"]
    reads = len(source.reads)
    longer = make_datamodule(source, on_bad_file="skip")
    longer.min_samples = 1900
    with pytest.warns(UserWarning, match="shorter than one analysis frame of 1900"):
        longer.setup()
    assert set(longer.skipped) == {n for n, a in source.arrays.items() if a.size < 1900}
    assert len(source.reads) == reads


def test_one_class_only_is_refused(source, make_datamodule):
    source.class_names = ("low",)
    with pytest.raises(InputError, match=r"one class only \(low\)"):
        make_datamodule(source)


def test_fewer_clips_than_a_batch_are_refused_before_training(source, make_datamodule):
    with pytest.raises(InputError, match=r"12 training clips do not fill .*data\.batch_size=13"):
        make_datamodule(source, batch_size=13).setup()


def test_clips_shorter_than_a_frame_by_setting_are_refused(source, make_datamodule):
    with pytest.raises(InputError, match=r"data\.seconds=0\.01 is shorter than one analysis frame"):
        make_datamodule(source, seconds=0.01)


def test_no_test_clips_are_told_when_they_are_asked_for(source, make_datamodule):
    source.splits = {**source.splits, "test": ()}
    datamodule = make_datamodule(source)
    assert datamodule.describe()["test"] == 0
    with pytest.raises(InputError, match="no test clips"):
        datamodule.test_dataloader()


def test_ranks_share_what_the_trainer_says(source, make_datamodule, monkeypatch):
    seen = {"train": [], "test": []}
    for rank in range(2):
        datamodule = make_datamodule(source, batch_size=3)
        monkeypatch.setattr(datamodule, "_rank_and_world", lambda rank=rank: (rank, 2))
        seen["train"] += [i for batch in datamodule.train_dataloader() for i in batch.index.tolist()]
        seen["test"] += [i for batch in datamodule.test_dataloader() for i in batch.index.tolist()]
    assert sorted(seen["train"]) == list(range(12))
    assert sorted(seen["test"]) == list(range(5))
