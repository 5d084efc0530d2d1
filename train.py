"""Train a classifier: `python train.py experiment=NAME key=value ...`; `--help` and `--list` show what there is.

`train_one` is the outline: data -> model -> callbacks and loggers -> fit -> test -> summary. Torch and Lightning are
imported inside the functions, so that a wrong command line is answered at once.
"""

import contextlib
import errno
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from configs.compose import config_hash, from_command_line
from configs.errors import InputError
from configs.registry import component
from configs.schema import Config
from report.run_facts import beside, peak_memory_mb, summary_rows, versions
from report.run_folder import RunFolder
from report.run_opening import is_first_process, open_run, twin_config
from report.summary_table import print_summary

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from callbacks.fit_clock import FitClock
    from datamodules.audio_datamodule import AudioDataModule


class InterruptedRunError(InputError):
    """Ctrl-C or SIGTERM ended the run; the message says how to go on."""


def train(config: Config, extra_callbacks: "Sequence[pl.Callback]" = ()) -> dict[str, Any]:
    """Train, test and summarise a run, and its black-box twin where `config.twin` asks for it.

    Returns:
        What summary.json holds: metric name -> number, plus versions, seed, configuration hash and seconds.

    Raises:
        InputError: Data, files or settings that cannot be used, a loss that is not finite, or an interruption.
    """
    folder = open_run(config)
    twin = twin_config(config, folder) if config.twin else None
    summary = folder.read_summary()
    if summary is None:
        with explained_failure(folder, resumed=config.resume is not None):
            summary = train_one(config, folder, extra_callbacks)
    if twin is not None:
        summary |= beside(train(twin, extra_callbacks))
        if is_first_process():
            write_results(folder, summary)
    return summary


def train_one(config: Config, folder: RunFolder, extra_callbacks: "Sequence[pl.Callback]") -> dict[str, Any]:
    """Train, test and summarise the run in `folder`; arguments, result and errors are those of `train`."""
    from callbacks.checkpointing import read_checkpoint
    from callbacks.fit_clock import FitClock
    from callbacks.progress import silence_lightning
    from callbacks.reproducibility import make_reproducible
    from callbacks.trainer_setup import build_trainer, open_loggers

    silence_lightning()
    make_reproducible(config.seed, config.trainer.deterministic, config.trainer.threads)
    start = read_checkpoint(folder.last) if config.resume else None
    opened = time.perf_counter()
    datamodule = build_datamodule(config)
    data_seconds = time.perf_counter() - opened
    model = build_model(config, datamodule)
    prepared = model.prepare(datamodule, keep_in=folder.path) if start is None else {}
    clock = FitClock()
    with open_loggers(config, folder, first_step=start["global_step"] if start else 0) as loggers:
        monitor = getattr(model, "monitor", None)
        trainer = build_trainer(config, folder, datamodule, loggers, [clock, *extra_callbacks], monitor)
        trainer.fit(model, datamodule=datamodule, ckpt_path=folder.last if start else None, weights_only=True)
        times = {"seconds/data": data_seconds, **time_profile(trainer)}
        figures = test_figures(trainer, model, datamodule, folder)
    summary = run_facts(config, model, datamodule, clock) | prepared | figures | times | {"run": str(folder.path)}
    if config.twin and is_first_process():
        summary |= baselines(model, datamodule)
    if is_first_process():
        write_results(folder, summary)
    return summary


def time_profile(trainer: "pl.Trainer") -> dict[str, float]:
    """Return where the time of the training went, in seconds per epoch."""
    from callbacks.time_profile import TimeProfile

    profiler = trainer.profiler  # type: ignore[attr-defined] # Lightning sets it without declaring it
    return profiler.figures(trainer) if isinstance(profiler, TimeProfile) else {}


def write_results(folder: RunFolder, summary: dict[str, Any]) -> None:
    """Write summary.json and the report; a report that cannot be made is said, and costs nothing else."""
    from report.build import build

    folder.write_summary(summary)
    try:
        build(folder.path)
    except InputError as error:
        print(f"warning: no report: {error}", file=sys.stderr)


def build_datamodule(config: Config) -> "AudioDataModule":
    """Return the data of the run, its cache open and its clips checked.

    Raises:
        InputError: Data that cannot be used, or so few clips that a process would have none to validate or test on.
    """
    from datamodules.audio_datamodule import AudioDataModule

    source = component("dataset", config.data.name).load()(config.data, config.front_end.sample_rate)
    datamodule = AudioDataModule(
        source,
        config.data,
        config.front_end.sample_rate,
        config.augmentation,
        config.seed,
        min_samples=config.front_end.n_fft,
        progress=config.trainer.progress and is_first_process(),
    )
    datamodule.setup()
    n_val, n_test = len(datamodule.dataset("val")), len(datamodule.dataset("test"))
    if min(n_val, n_test) < config.trainer.devices:
        raise InputError(
            f"{n_val} validation and {n_test} test clips are too few for trainer.devices={config.trainer.devices}: "
            "each process needs at least one of both"
        )
    return datamodule


def build_model(config: Config, datamodule: "AudioDataModule") -> Any:  # noqa: ANN401 - a LightningModule that can `prepare`
    """Return the untrained model the configuration names."""
    return component("model", config.model.name).load()(config, datamodule.class_names, datamodule.multi_label)


def test_figures(trainer: "pl.Trainer", model: Any, datamodule: "AudioDataModule", folder: RunFolder) -> dict[str, Any]:  # noqa: ANN401
    """Return the figures of the test split, touched here only, by the checkpoint chosen on validation data."""
    from callbacks.checkpointing import RunCheckpoints, read_checkpoint

    # Loaded here: Lightning's `ckpt_path` would also set all callbacks back to the best epoch.
    model.load_state_dict(read_checkpoint(folder.best)["state_dict"])
    started = time.perf_counter()
    figures = trainer.test(model, datamodule, verbose=False)[0]
    checkpoints = next(callback for callback in trainer.callbacks if isinstance(callback, RunCheckpoints))  # type: ignore[attr-defined]
    return {
        **{name: float(value) for name, value in figures.items()},
        "test/n": len(datamodule.dataset("test")),
        "seconds/test": time.perf_counter() - started,
        f"best/{checkpoints.monitor}": checkpoints.best_score,
        "best/epoch": checkpoints.best_epoch + 1,
        "epochs": trainer.current_epoch,
    }


def run_facts(
    config: Config,
    model: Any,  # noqa: ANN401
    datamodule: "AudioDataModule",
    clock: "FitClock",
) -> dict[str, Any]:
    """Return what a reader needs to place the figures of a run: what was trained, on what, at which cost."""
    from models.cost import count_flops, count_parameters

    clip = datamodule.batch("val", [0])
    one_clip = (clip.waveform.to(model.device), clip.length.to(model.device))
    inputs = model.example_inputs() if hasattr(model, "example_inputs") else one_clip  # a generator takes latents
    return {
        "experiment": config.experiment,
        "model": config.model.name,
        "seed": config.seed,
        "config_hash": config_hash(config),
        "n_train": len(datamodule.dataset("train")),
        "n_val": len(datamodule.dataset("val")),
        "parameters": count_parameters(model),
        "flops_per_clip": count_flops(model, *inputs),
        **({"flops_per_step": model.step_flops()} if hasattr(model, "step_flops") else {}),
        "seconds/fit": clock.seconds,
        "memory/peak_mb": peak_memory_mb(),
        **versions(),
    }


def baselines(model: Any, datamodule: "AudioDataModule") -> dict[str, float]:  # noqa: ANN401
    """Return what chance and a classifier without hearing score on the test split."""
    from models.simple_baselines import chance, logistic_regression

    scores = {"chance": chance(datamodule), "logistic_regression": logistic_regression(model.front_end, datamodule)}
    return {f"baseline/{name}": score for name, score in scores.items()}


@contextlib.contextmanager
def explained_failure(folder: RunFolder, resumed: bool) -> Iterator[None]:
    """Turn an interruption into a message that says how to go on, and keep the traceback of any other failure.

    A new run that could not start leaves no folder behind. The last checkpoint is always of an epoch boundary: only
    from there is resuming exact, so nothing of an unfinished epoch is saved.
    """
    may_discard = is_first_process() and not resumed
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:  # Lightning turns Ctrl-C into SystemExit
        if folder.last.is_file():
            hint = f"finished epochs are in {folder.last}; continue with: python train.py resume={folder.path}"
        else:
            hint = "nothing was trained yet; start again"
        if may_discard:
            folder.discard_unstarted()
        raise InterruptedRunError(f"interrupted; {hint}") from stop
    except InputError:
        if may_discard:
            folder.discard_unstarted()
        raise
    except Exception:
        if is_first_process():
            folder.traceback.write_text(traceback.format_exc(), encoding="utf-8")
        raise


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code: 0 done, 1 the run failed, 2 the command was wrong."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        config = from_command_line(list(arguments))
        summary = train(config)
        if is_first_process():
            print_summary(summary_rows(summary))
            print(f"run: {summary['run']}")
            print(f"report: {summary['run']}/report/index.html")
    except InterruptedRunError as stop:
        return _fail(str(stop), stop.exit_code) if is_first_process() else stop.exit_code
    except InputError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was trained yet", 1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            return _fail(f"{error.filename or 'a file'} cannot be written or read: {error.strerror}", 1)
        traceback.print_exc()
        return _fail(f"{type(error).__name__}: {' '.join(str(error).split())}", 1)
    return 0


def _fail(message: str, code: int) -> int:
    """Print one line; a process that is not the first names itself, as its failure may not be the run's."""
    process = "" if is_first_process() else f" (process {os.environ.get('LOCAL_RANK')})"
    print(f"error{process}: {message}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
