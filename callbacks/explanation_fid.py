"""Explanation FID while a model is trained: what its units ask for, and how near that comes to what excites them."""

import dataclasses
import math
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl

from callbacks.explanation_fid_heard import HEARD, OTHER, interprets, write_heard
from callbacks.explanation_fid_media import entries_of
from callbacks.explanation_fid_point import Figures, Kept, figures_of, kept_of, refresh, score_names, search_all
from callbacks.generation_files import point_name, write_generations
from callbacks.generation_ground import SearchGround, checked_units, search_basis, with_prior
from callbacks.generation_pictures import run_scale
from callbacks.generation_reference import check_references
from callbacks.instrument import Instrument
from callbacks.listening_clips import data_of
from callbacks.listening_media import log_pictures
from callbacks.schedule import Schedule
from callbacks.shards import Shards
from configs.errors import InputError
from models.classifier import AudioClassifier
from models.run_loading import load_run
from report.generations_file import END

if TYPE_CHECKING:
    from configs.explanation_fid_schema import ExplanationFidConfig

SEARCHED = "search_seconds"
"""Figure that says how long the full search at the end took, which is no part of the share of a training."""
PREPARED = "prepare_seconds"
"""The same of the excerpts and the prior, which are made before the training starts."""
GROUP = "callbacks.explanation_fid.generation."
"""What stands before the keys of a search in messages."""


class ExplanationFid(Instrument[None]):
    """Sounds that classes or units ask for at points of the training, with their distances to real excerpts.

    Each point goes a few steps on from the sounds of the one before, writes `generations/epoch_NNNN.jsonl` with its
    sounds, and logs `explanation_fid/<unit>/<figure>`, and the mean over units as `explanation_fid/<figure>`:
    `kernel_distance` and `frechet_distance` with `_low` and `_high` (interval), `_floor` (real excerpts) and `_ceiling`
    (not searched). Models with interpretations have these compared with real clips: `explanation_fid/heard/...`. The
    end searches the checkpoint that was chosen with all settings: `generations/end.jsonl`, `explanation_fid/end/...`.

    Excerpts and prior are made once, before the training starts: `explanation_fid/prepare_seconds`, part of
    `explanation_fid/seconds` and of no point's work, which is counted in latent-steps.

    In a distributed run the first process searches, the others wait.
    """

    def __init__(self, config: "ExplanationFidConfig", run_folder: Path | None = None) -> None:
        """Take the settings and the run folder; None takes the Trainer's `default_root_dir`."""
        super().__init__("explanation_fid", config, Schedule(config.every_n_epochs))
        self.settings, self.folder = config, run_folder
        self.units: tuple[str, ...] = ()
        self.kept: dict[str, Kept] = {}
        self._ground: SearchGround | None = None
        self._told: set[str] = set()

    @property
    def run_folder(self) -> Path:
        """Folder of the run, known once `setup` has been called."""
        if self.folder is None:
            raise RuntimeError("ExplanationFid.setup has not been called")
        return self.folder

    @property
    def judged(self) -> bool:
        """Whether an independent network listens."""
        return self.settings.generation.independent is not None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Name the units and their figures, and count the work of a point.

        Raises:
            InputError: A model that is no classifier, a unit that it does not have, or a prior or an independent
                network that does not fit.
        """
        self.folder = self.folder or Path(trainer.default_root_dir)
        if stage != "fit" or self.units:
            return
        if not isinstance(pl_module, AudioClassifier):
            raise InputError(f"callbacks.explanation_fid: a {type(pl_module).__name__} has no classes to search for")
        config = self.settings
        self.units = checked_units(pl_module, config.generation, GROUP)
        if trainer.is_global_zero and not self.judged:
            print("explanation_fid: no independent network is configured; what it would judge is left out")
        work = len(self.searched) * config.latents * config.steps * config.lanes
        self.schedule = Schedule(config.every_n_epochs, work_per_point=work, work_limit=config.work_limit)
        names = score_names(self.judged)
        heard = [f"heard/{name}" for name in HEARD] if config.interpreted and interprets(pl_module) else []
        heard += [name.replace("heard/", f"heard/{OTHER}/") for name in heard] if self.judged else []
        per_unit = [f"{key}/{name}" for key in self.searched for name in names]
        self.metric_names = (*names, *per_unit, *heard)
        self.values = dict.fromkeys(self.metric_names, math.nan) | self.values

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Hear the excerpts and make the prior, which all searches of the run share, before the clock of the training.

        Excerpts or a prior with which no unit can be searched for are met as `on_error` says: at once, not hours later.
        """
        started = time.perf_counter()
        shards = Shards(trainer)

        def work() -> None:
            ground = self._on(trainer, pl_module)
            if ground.excerpts.left_out:
                print(f"explanation_fid: excerpts {ground.excerpts.left_out}")

        def together() -> None:
            shards.together(lambda: shards.from_first(work))

        self._in_isolation(trainer, pl_module, trainer.current_epoch, together)
        self.values[PREPARED] = self.values.get(PREPARED, 0.0) + time.perf_counter() - started

    @property
    def searched(self) -> tuple[str, ...]:
        """Units of a point of the training."""
        return self.units[: self.settings.n_units or None]

    def measure(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> None:
        """Do nothing: the first process does the work of `publish` alone."""

    def publish(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, found: None) -> Mapping[str, float]:
        """Go on with the search for each unit by the weights as they are, on the first process; write it down."""
        shards = Shards(trainer)

        def work() -> tuple[Figures, dict[str, Any]]:
            ground = self._on(trainer, module)
            found, skipped = refresh(ground, self.searched, self.settings, self.kept)
            self.tell(skipped, bool(found))
            write_generations(self.run_folder, point_name(epoch), found, one_sound(ground), epoch)
            scale = run_scale(self.run_folder, ground)
            log_pictures(trainer, entries_of(found, ground, f"epoch {epoch}", scale))
            kept = kept_of(found, self.kept)
            figures = figures_of(found, self.judged) | self.heard(ground, self.settings.interpreted, epoch)
            return figures, {key: one.plain() for key, one in kept.items()}

        figures, kept = shards.together(lambda: shards.from_first(work))
        self.kept = {key: Kept.from_plain(value) for key, value in kept.items()}
        return {name: figures.get(name, math.nan) for name in self.metric_names}

    def finish(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Search the checkpoint that was chosen with all settings, for all units, from the beginning."""
        if not self.settings.full_search:
            return super().finish(trainer, module)
        shards, started = Shards(trainer), time.perf_counter()

        def work() -> Figures:
            epoch, model = trainer.current_epoch, self.chosen_model(module)
            ground = self._on(trainer, model)
            found, skipped = search_all(ground, self.units)
            self.tell(skipped, bool(found))
            write_generations(self.run_folder, END, found, ground, epoch)
            log_pictures(trainer, entries_of(found, ground, END, run_scale(self.run_folder, ground)))
            return figures_of(found, self.judged) | self.heard(ground, self.settings.end_interpreted, epoch, end=True)

        figures = shards.together(lambda: shards.from_first(work))
        self.values |= {f"end/{name}": value for name, value in figures.items()}
        self.values[SEARCHED] = time.perf_counter() - started
        return None

    def chosen_model(self, module: pl.LightningModule) -> AudioClassifier[Any]:
        """Return the model of best.ckpt, or the one just trained where there is no such file."""
        if not (self.run_folder / "checkpoints" / "best.ckpt").is_file():
            return module  # type: ignore[return-value]
        return load_run(self.run_folder, str(module.device)).model

    def heard(self, ground: SearchGround, n_clips: int, epoch: int, end: bool = False) -> Figures:
        """Compare the model's own interpretations with real clips, where it has any; write it down."""
        found = write_heard(self.run_folder, ground, n_clips, epoch, end)
        return {f"heard/{name}": value for name, value in found.items()}

    def tell(self, skipped: Mapping[str, str], any_found: bool) -> None:
        """Say once why a unit is left out.

        Raises:
            InputError: All are.
        """
        for key, reason in skipped.items():
            if not any_found:
                raise InputError(f"none of {len(skipped)} units can be searched for; {reason}")
            if key not in self._told:
                warnings.warn(f"callbacks.explanation_fid: {key} is left out: {reason}", stacklevel=2)
                self._told.add(key)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every instrument, and the latents from which each search goes on."""
        return {**super().state_dict(), "kept": {key: kept.plain() for key, kept in self.kept.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over values, seconds, work and latents."""
        super().load_state_dict(state_dict)
        self.kept = {key: Kept.from_plain(value) for key, value in state_dict["kept"].items()}

    def _on(self, trainer: pl.Trainer, module: pl.LightningModule) -> SearchGround:
        """Prepare once what searches stand on; the network in it is the live one, or the one that was chosen.

        A front end that learns gives other excerpts at each point: these are cut and heard anew. No prior that takes
        long is made of such.
        """
        network: AudioClassifier[Any] = module  # type: ignore[assignment]
        ground = self._ground
        learns = any(weight.requires_grad for weight in network.front_end.parameters())
        if ground is None or learns:
            basis = search_basis(network, data_of(trainer), self.settings.generation)
            check_references(basis, self.units, trained=False)
            ground = self._ground = with_prior(basis)
        return ground if ground.network.module is network else ground.under(network)


def one_sound(ground: SearchGround) -> SearchGround:
    """Return the same ground with one sound kept of each unit: a frame of its film."""
    return dataclasses.replace(ground, settings=dataclasses.replace(ground.settings, shown=1))
