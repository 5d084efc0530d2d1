"""Seeds and exact resume: the random streams of an epoch depend on (seed, epoch, process) and on nothing else."""

import os
import random

import numpy as np
import pytorch_lightning as pl
import torch


def make_reproducible(seed: int, deterministic: bool, threads: int | None) -> None:
    """Seed Python, NumPy and PyTorch, choose deterministic algorithms, and set the number of CPU threads.

    The number of threads decides in which order sums are taken, so only runs with equal `threads` are bitwise equal.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    # cuBLAS reads this when it first starts; without it deterministic matrix products are refused on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = False
    pl.seed_everything(seed, workers=True, verbose=False)


class EpochSeeds(pl.Callback):
    """Seeds the global random streams at the start of each epoch.

    A run that resumes at an epoch boundary therefore draws what the uninterrupted run drew, on every process and
    device, with no stream to be saved: Lightning's checkpoints hold none, and saving those of one process would not
    restore the others.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop the training loader that was built only to count steps, when a checkpoint is about to be restored.

        Counting the steps of the learning rate schedule starts the loader and its workers before Lightning has
        restored the epoch, and it would serve epoch 0 again. Lightning builds it anew once the epoch is known.
        """
        if trainer.ckpt_path is not None:
            trainer.fit_loop._combined_loader = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed Python, NumPy and PyTorch (all devices) for this epoch and process."""
        key = np.random.SeedSequence([self.seed, trainer.current_epoch, trainer.global_rank])
        for_python, for_numpy, for_torch = (int(word) for word in key.generate_state(3))
        random.seed(for_python)
        np.random.seed(for_numpy)
        torch.manual_seed(for_torch)
