"""Which folder a run writes to: a new one, that of the run it resumes, or the one its first process has made."""

import dataclasses
import os

from configs.compose import load_yaml_config, to_plain, to_yaml
from configs.errors import CommandError
from configs.layers import flatten
from configs.plain import NOT_HASHED
from configs.registry import component
from configs.schema import Config
from report.run_folder import RunFolder, replace_file

TWIN = "black_box"
"""The model that stands beside an interpretable one; also the ending of its run folder."""

MAY_CHANGE = (*(key for key in NOT_HASHED if key not in ("experiment", "run_id")), "trainer.max_epochs", "twin")
"""Settings that may differ when a run is resumed: all others would make it another run."""

ANEW = ("trainer.max_epochs", "callbacks.")
"""Settings whose change makes a finished run end anew, with what was added."""

RUN_ID = "SOUNDGLASS_RUN_ID"
"""Environment variable by which the first process of a run names the run folder to the others."""


def is_first_process() -> bool:
    """Return whether this is the only process of a run, or the one of several that writes."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def open_run(config: Config) -> RunFolder:
    """Return the folder of this run; the first process makes it and writes config.yaml.

    Raises:
        CommandError: The run id exists, the run to resume does not, or settings differ from those it was started with.
        InputError: The folder cannot be made or written.
    """
    if config.resume:
        return _reopen(config, RunFolder.open(config.resume))
    if not is_first_process():
        name = config.run_id or os.environ.get(RUN_ID)
        if name is None:
            raise CommandError("run_id= must be given when the processes of a run are started by another program")
        return RunFolder.at(config.output, config.experiment, name)
    folder = RunFolder.create(config.output, config.experiment, config.run_id)
    os.environ[RUN_ID] = folder.path.name
    _write_config(config, folder)
    return folder


def twin_config(config: Config, folder: RunFolder) -> Config:
    """Return the configuration of the black-box twin: all the same but the model; it resumes if it was started.

    Where an instrument chooses the epoch, the twin's is chosen by its accuracy: it may have nothing to be measured.
    """
    settings = component("model", TWIN).config
    shared = {field.name for field in dataclasses.fields(settings)} & set(dataclasses.asdict(config.model))
    model = settings(**{name: getattr(config.model, name) for name in shared} | {"name": TWIN})
    name = f"{folder.path.name}-{TWIN}"
    started = RunFolder(folder.path.with_name(name))
    trainer = config.trainer
    if hasattr(config.callbacks, trainer.monitor.partition("/")[0]):
        trainer = dataclasses.replace(trainer, monitor="auto", within_standard_errors=None)
    return dataclasses.replace(
        config,
        model=model,
        trainer=trainer,
        twin=False,
        run_id=name,
        output=str(folder.path.parent.parent),
        resume=str(started.path) if started.last.is_file() else None,
    )


def _reopen(config: Config, folder: RunFolder) -> RunFolder:
    """Check that a run can go on with `config`, and keep the settings that may change."""
    before, now = (flatten(to_plain(c)) for c in (load_yaml_config(folder.config), config))
    changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    monitor = config.trainer.monitor.partition("/")[0]
    differing = [key for key in changed if not _may_change(key, monitor)]
    if differing:
        key = min(differing, key=lambda name: not name.endswith(".name"))  # what a name brings with it differs too
        raise CommandError(
            f"{key}={now.get(key)} differs from {before.get(key)}, with which {folder.path} was started; "
            "resume= goes on with the same settings, only trainer.max_epochs, callbacks and where things lie may change"
        )
    if is_first_process() and any(key.startswith(ANEW) for key in changed):
        folder.summary.unlink(missing_ok=True)
    if is_first_process():
        _write_config(config, folder)
    return folder


def _may_change(key: str, monitor: str) -> bool:
    """Whether a setting may differ; instruments change nothing, unless one chooses the epoch."""
    group, _, rest = key.partition(".")
    if group == "callbacks":
        return rest.partition(".")[0] != monitor
    return any(f"{key}.".startswith(f"{name}.") for name in MAY_CHANGE)


def _write_config(config: Config, folder: RunFolder) -> None:
    stored = dataclasses.replace(config, run_id=folder.path.name, resume=None)
    replace_file(folder.config, (to_yaml(stored) + "\n").encode())
