"""What instruments on the parts of decisions share: the run folder, the chosen checkpoint, whom they leave alone."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytorch_lightning as pl

from callbacks.instrument import Found, Instrument
from callbacks.schedule import Schedule
from configs.schema import CallbackConfig
from models.explanation import require_components
from models.run_loading import load_run

if TYPE_CHECKING:
    from models.component_classifier import ComponentClassifier


class ComponentInstrument(Instrument[Found]):
    """An instrument on models whose decisions are made of components; it leaves others, such as a twin, alone."""

    def __init__(self, name: str, config: CallbackConfig, schedule: Schedule, run_folder: Path | None = None) -> None:
        """Take name, settings, schedule and the run folder; None takes the Trainer's `default_root_dir`."""
        super().__init__(name, config, schedule)
        self.folder = run_folder

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Find the run folder; stand aside where there are no components."""
        self.folder = self.folder or Path(trainer.default_root_dir)
        if getattr(pl_module, "bottleneck", None) is None:
            self.schedule, self.values = Schedule(0, at_end=False), {}

    def chosen_model(self, module: pl.LightningModule) -> "ComponentClassifier":
        """Return the model of best.ckpt, or the one just trained where there is no such file."""
        if not (self.run_folder / "checkpoints" / "best.ckpt").is_file():
            return require_components(module)  # type: ignore[arg-type]
        return require_components(load_run(self.run_folder, str(module.device)).model)

    @property
    def run_folder(self) -> Path:
        """Folder of the run, known once `setup` has been called."""
        if self.folder is None:
            raise RuntimeError(f"{type(self).__name__}.setup has not been called")
        return self.folder
