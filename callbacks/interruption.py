"""SIGTERM ends a training as Ctrl-C does."""

import signal
import threading

import pytorch_lightning as pl


class TerminateAsInterrupt(pl.Callback):
    """Puts Python's own Ctrl-C handler where Lightning has put its handler of SIGTERM.

    Lightning's waits for the end of the step and, with several processes, sends a message to the others in the middle
    of whatever they are exchanging, after which all of them hang. Lightning restores the earlier handler by itself.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take over SIGTERM for the training."""
        interrupt_on_sigterm()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take over SIGTERM for the test."""
        interrupt_on_sigterm()


def interrupt_on_sigterm() -> None:
    """Let SIGTERM raise KeyboardInterrupt; a thread other than the main one leaves signals alone."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
