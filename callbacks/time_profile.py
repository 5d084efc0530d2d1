"""Where the time of a training goes: data, steps, validation and each callback, in seconds per epoch.

Lightning tells a profiler when each of its actions starts and stops. Steps on a GPU go on after they are launched;
what waits for them is then charged with their time.
"""

import re
import time
from collections import defaultdict

import pytorch_lightning as pl
from pytorch_lightning.profilers import Profiler

PARTS = {
    "loader": re.compile(r"\.train_dataloader_next$"),
    "forward": re.compile(r"^\[Strategy\].*\.training_step$"),
    "backward": re.compile(r"^\[Strategy\].*\.backward$"),
    "validation": re.compile(r"\.val_next$|^\[Strategy\].*\.validation_step$"),
}
"""Part of an epoch -> actions of Lightning's that make it up; none of them holds another."""
STEP = re.compile(r"^\[LightningModule\].*\.optimizer_step$")
"""The step of the optimizer; forward and backward happen inside of it."""
CALLBACK = re.compile(r"^\[Callback\](?:instrument:)?(\w+).*\.(on_\w+|teardown)$")
EPOCH = "run_training_epoch"
AROUND = ("on_train_epoch_start", "on_train_epoch_end")
"""Hooks of callbacks that Lightning calls around an epoch, and does not count as part of it."""
AT_THE_END = ("on_train_end", "on_fit_end", "teardown")
"""Hooks after the last epoch, where instruments do their full searches."""
SMALL = 1e-3
"""Seconds per epoch under which a callback counts as part of the rest."""


class TimeProfile(Profiler):
    """Sums the seconds of each action, and how often it was taken; memory does not grow with the training."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.counts: defaultdict[str, int] = defaultdict(int)
        self._started: dict[str, float] = {}

    def start(self, action_name: str) -> None:
        """Note when an action starts."""
        self._started[action_name] = time.perf_counter()

    def stop(self, action_name: str) -> None:
        """Add what an action took."""
        started = self._started.pop(action_name, None)
        if started is not None:
            self.seconds[action_name] += time.perf_counter() - started
            self.counts[action_name] += 1

    def summary(self) -> str:
        """Return nothing: `figures` go to the summary of the run."""
        return ""

    def figures(self, trainer: pl.Trainer) -> dict[str, float]:
        """Return `profile/PART` in seconds per epoch, and `profile_end/NAME` in seconds after the last; {} for none.

        A resumed run speaks of the epochs since. The parts of an epoch add up to all of it; what Lightning and small
        callbacks take is the `rest`.
        """
        epochs = self.counts[EPOCH]
        if not epochs:
            return {}
        parts = {name: self._of(pattern) for name, pattern in PARTS.items()}
        whole_step = self._of(STEP)
        if trainer.lightning_module.automatic_optimization and whole_step:
            parts["optimizer"] = max(0.0, whole_step - parts["forward"] - parts["backward"])
        total = self.seconds[EPOCH]
        during: defaultdict[str, float] = defaultdict(float)
        end: defaultdict[str, float] = defaultdict(float)
        for action, seconds in self.seconds.items():
            if found := CALLBACK.match(action):
                (end if found[2] in AT_THE_END else during)[found[1]] += seconds
                total += seconds if found[2] in AROUND else 0.0
        parts |= {f"callback/{name}": seconds for name, seconds in during.items() if seconds > SMALL * epochs}
        parts["rest"] = max(0.0, total - sum(parts.values()))
        found_end = {f"profile_end/{name}": seconds for name, seconds in end.items() if seconds > SMALL}
        return {f"profile/{name}": seconds / epochs for name, seconds in parts.items()} | found_end

    def _of(self, pattern: re.Pattern[str]) -> float:
        return sum(seconds for action, seconds in self.seconds.items() if pattern.search(action))
