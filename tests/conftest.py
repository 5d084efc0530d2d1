"""Fixtures every test may use; the data they need is built here or skipped where it is absent."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings (ESC-10, fsdd, mini-openmic): $SOUNDGLASS_DATA or ../shared/data."""
    folder = Path(os.environ.get("SOUNDGLASS_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set SOUNDGLASS_DATA to the folder that holds ESC-10")
    return folder


@pytest.fixture
def untrained_run(tmp_path: Path) -> Callable[..., Path]:
    """Function that writes a run folder with a random, untrained model, as training would leave it."""

    def write(name: str = "run", **settings: Any) -> Path:
        import pytorch_lightning as pl
        import torch

        from configs.compose import compose, to_yaml
        from configs.registry import component
        from models.checkpoint_file import CHECKPOINT_FORMAT

        small = {"data.seconds": 1, "front_end.n_mels": 32, "backbone.width": 4, "model.n_components": 8}
        if settings.get("model.name") in ("black_box", "lmac", "wavegan"):
            del small["model.n_components"]
        if "backbone.name" in settings:
            del small["backbone.width"]
        classes = settings.pop("class_names", ("dog", "rain", "bell"))
        multi_label = settings.pop("multi_label", False)
        config = compose([f"{key}={value}" for key, value in (small | settings).items()])
        torch.manual_seed(0)
        model = component("model", config.model.name).load()(config, tuple(classes), multi_label)
        if hasattr(model, "bottleneck"):
            W = torch.rand(model.front_end.n_bins, config.model.n_components) ** 4
            model.bottleneck.set_dictionary(W / W.norm(dim=0), torch.rand(config.model.n_components) + 0.5)
        folder = tmp_path / name
        (folder / "checkpoints").mkdir(parents=True)
        (folder / "config.yaml").write_text(to_yaml(config) + "\n", encoding="utf-8")
        checkpoint = {
            "epoch": 1,
            "global_step": 2,
            "pytorch-lightning_version": pl.__version__,
            "state_dict": model.state_dict(),
            "hyper_parameters": dict(model.hparams),
            "soundglass": {"format": CHECKPOINT_FORMAT, "version": "0"},
        }
        torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
        return folder

    return write
