"""Contradictory or impossible settings are refused with their keys."""

import pytest

from configs.compose import compose
from configs.errors import CommandError

ESC = ["data.name=esc50", "data.root=x"]
FOLDER = ["data.name=audio_folder", "data.root=x"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["optimizer.warmup_share=1"], r"optimizer\.warmup_share=1\.0"),
        (["optimizer.learning_rate=0"], r"optimizer\.learning_rate=0\.0 must be above 0"),
        (["optimizer.learning_rate=nan"], r"optimizer\.learning_rate=nan must be a finite number"),
        (["optimizer.weight_decay=.inf"], r"optimizer\.weight_decay=inf must be a finite number"),
        ([*ESC, "data.fold=6"], r"data\.fold=6 must lie between 1 and 5"),
        ([*ESC, "data.fold=0"], r"data\.fold=0"),
        (["front_end.hop_length=2048"], r"front_end\.hop_length=2048 must not exceed front_end\.n_fft=1024"),
        (["front_end.f_max=12000"], r"front_end\.f_max=12000 .* 11025 Hz"),
        (["front_end.f_min=500", "front_end.f_max=400"], r"front_end\.f_min=500"),
        (["front_end.n_mels=0"], r"front_end\.n_mels=0"),
        (["front_end.n_mels=600"], r"front_end\.n_mels=600 .* 513 bins"),
        (["front_end.sample_rate=0"], r"front_end\.sample_rate=0"),
        (["model.n_components=0"], r"model\.n_components=0"),
        (["model.nmf.updates=0"], r"model\.nmf\.updates=0"),
        (["model.nmf.batch_frames=30000"], r"model\.nmf\.batch_frames=30000 .* model\.nmf\.frames=20000"),
        (["model.attention_from=maps"], r"model\.attention_from=maps needs model\.pooling=attention"),
        (["twin=true", "model.name=black_box"], r"twin=true .*model\.name"),
        (["data.name=esc50"], r"data\.root is needed by data\.name=esc50"),
        (["data.name=esc50", "data.download=true"], r"data\.root is needed by data\.name=esc50"),
        (["data.name=audio_folder"], r"data\.root is needed by data\.name=audio_folder"),
        (
            [*FOLDER, "data.test_share=0.5", "data.validation_share=0.5"],
            r"data\.validation_share=0\.5.*test_share=0\.5",
        ),
        ([*FOLDER, "data.multi_label=true"], r"data\.multi_label=true needs data\.table"),
        (["data.batch_size=0"], r"data\.batch_size=0"),
        (["data.seconds=-1"], r"data\.seconds=-1\.0"),
        (["trainer.max_epochs=0"], r"trainer\.max_epochs=0"),
        (["trainer.limit_val_batches=1.5"], r"trainer\.limit_val_batches=1\.5"),
        (["augmentation.mixup=1.1"], r"augmentation\.mixup=1\.1"),
        (["seed=-1"], "seed=-1"),
        (["run_id=a/b"], "run_id=a/b"),
    ],
)
def test_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        compose(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["model.attention_from=maps", "model.pooling=class_attention"],
        ["front_end.hop_length=1024", "front_end.f_max=11025"],
        ["optimizer.warmup_share=0"],
        ["trainer.limit_train_batches=0.1", "trainer.limit_val_batches=3"],
        [*FOLDER, "data.multi_label=true", "data.table=labels.csv"],
        ["twin=true"],
    ],
)
def test_accepted(arguments: list[str]) -> None:
    compose(arguments)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(CommandError, match=r"data\.batch_size=0.*; .*trainer\.devices=0"):
        compose(["trainer.devices=0", "data.batch_size=0"])
