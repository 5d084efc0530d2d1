"""Which trainings a classification benchmark needs: dataset x model x fold x seed, and the words that start each."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callbacks.classification_words import Settings
from configs.classification_schema import ClassificationBenchmark, entries
from configs.compose import compose, config_hash
from configs.errors import CommandError
from configs.layers import experiments
from configs.registry import nearest
from configs.schema import Config
from report.run_opening import TWIN

SAME_RESULTS = ("trainer.threads", "trainer.accelerator")
"""Settings that change a result by rounding only: cells are recognised whatever these were."""
MOST_FOLDS = 100

DERIVED: dict[str, tuple[str, ...]] = {
    "by_design": ("model.name=by_design",),
    TWIN: (f"model.name={TWIN}",),
    "black_box_decoder": ("model.name=by_design", "model.reconstruction_weight=0", "model.sparsity_weight=0"),
    "post_hoc": ("model.name=post_hoc", "augmentation.masks=0"),
    "lmac": ("model.name=lmac", "augmentation.masks=0", "trainer.max_epochs=12"),
    "nmf_linear": ("model.name=nmf_linear", "augmentation.mixup=0", "trainer.max_epochs=15"),
    "task_driven_nmf": ("model.name=task_driven_nmf", "augmentation.mixup=0", "trainer.max_epochs=15"),
}
"""What makes a model of the by-design experiment of data that have no experiment for it."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One training of the plan.

    Attributes:
        data: name of the data set in the plan.
        model: name of the model in the plan.
        fold: official fold, or None for data without.
        config: whole configuration; what an interpreter explains is not known yet.
        words: arguments of train.py, without where the run lies and what it explains.
        given: those of them that the user gave.
        key: hash of the configuration, by which a finished training is recognised.
        needs: the training of the classifier that an interpreter explains.
        shown: whether the table has it; what is only needed by others is not.
    """

    data: str
    model: str
    fold: int | None
    seed: int
    config: Config
    words: tuple[str, ...]
    given: tuple[str, ...]
    key: str
    needs: "Cell | None" = None
    shown: bool = True

    @property
    def experiment(self) -> str:
        """Name of the experiment, which is that of the folder of its runs."""
        return self.config.experiment

    @property
    def run_id(self) -> str:
        """Name of the run folder."""
        model = [] if self.experiment == f"{self.data}_{self.model}" else [self.model]
        fold = [] if self.fold is None else [f"fold{self.fold}"]
        return "-".join([*model, *fold, f"seed{self.seed}", self.key[:8]])

    @property
    def title(self) -> str:
        """What messages call it."""
        fold = "" if self.fold is None else f", fold {self.fold}"
        return f"{self.data} {self.model}{fold}, seed {self.seed}"

    @property
    def interprets(self) -> bool:
        """Whether it explains the run of another cell."""
        return hasattr(self.config.model, "explains")


def cell_key(config: Config, explained: str = "") -> str:
    """Return the hash by which a training is recognised; `explained` is that of the classifier it explains.

    Threads and device are left out, and so are instruments, which change no result, unless one chooses the epoch.
    """
    if hasattr(config.model, "explains"):
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, explains=f"cell {explained}"))  # type: ignore[call-arg]
    monitor = config.trainer.monitor.partition("/")[0]
    instruments = [f"callbacks.{field.name}" for field in dataclasses.fields(config.callbacks) if field.name != monitor]
    return config_hash(config, (*SAME_RESULTS, *instruments))


def plan_cells(settings: ClassificationBenchmark, words: Sequence[str]) -> list[Cell]:
    """Return every cell of a call, those that others need in front of them.

    Args:
        settings: of the call.
        words: settings of the trainings, such as `data.root=PATH` or `post_hoc.trainer.max_epochs=30`.

    Raises:
        CommandError: Data, models, folds or settings that there are not.
    """
    datasets, models = entries(settings.data), entries(settings.models)
    given = Settings(words, datasets, models, settings)
    cells = [cell for data in datasets for cell in _of_data(data, models, settings, given)]
    given.check_used()
    return cells


def in_shard(cells: Sequence[Cell], part: int, total: int) -> list[Cell]:
    """Return what shard number `part` (from 0) of `total` trains; a cell stays with those that need it.

    Each group goes to the shard that has the fewest cells so far, the same on every machine.
    """
    groups: dict[int, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(id(cell.needs or cell), []).append(cell)
    shards: list[list[Cell]] = [[] for _ in range(total)]
    for group in groups.values():
        min(shards, key=len).extend(group)
    return shards[part]


def _of_data(data: str, models: Sequence[str], settings: ClassificationBenchmark, given: Settings) -> Iterator[Cell]:
    known = experiments()
    bases = {model: _base(data, model, known, given) for model in models}
    if any(hasattr(base.model, "explains") for base, _ in bases.values()):
        bases.setdefault(TWIN, _base(data, TWIN, known, given))
    folds = _folds(data, settings.folds, next(iter(bases.values()))[0])
    for fold in folds:
        for seed in map(int, entries(settings.seeds)):
            made: dict[str, Cell] = {}
            for model in sorted(bases, key=lambda name: (name != TWIN, list(bases).index(name))):
                words = given.given(data, model)
                made[model] = _cell(data, model, fold, seed, bases[model], words, made.get(TWIN), model in models)
            yield from made.values()


def _cell(
    data: str,
    model: str,
    fold: int | None,
    seed: int,
    base: tuple[Config, list[str]],
    given: Sequence[str],
    twin: Cell | None,
    shown: bool,
) -> Cell:
    config, words = base
    place = [] if fold is None else [f"data.fold={fold}"]
    in_fold = config.data if fold is None else dataclasses.replace(config.data, fold=fold)  # type: ignore[call-arg]
    config = dataclasses.replace(config, data=in_fold, seed=seed)
    needs = twin if hasattr(config.model, "explains") else None
    key = cell_key(config, needs.key if needs is not None else "")
    return Cell(
        data, model, fold, seed, config, (*words, *place, f"seed={seed}"), tuple(given), key, needs=needs, shown=shown
    )


def _base(data: str, model: str, known: Mapping[str, Any], given: Settings) -> tuple[Config, list[str]]:
    """Return the configuration of a model on a data set, fold and seed aside, and the words that ask for it."""
    words = [*_experiment(data, model, known), *given.plugins]
    words += given.of(data, model, compose([*words, *given.certain(data, model), *given.placeholders(words, known)]))
    return compose([*words, *given.placeholders(words, known)]), words


def _experiment(data: str, model: str, known: Mapping[str, Any]) -> list[str]:
    """Return the words for the experiment of a model on a data set, or for what makes it from another experiment.

    Raises:
        CommandError: There is no such data set or model.
    """
    if f"{data}_{model}" in known:
        return [f"experiment={data}_{model}"]
    starts = [name for name in (f"{data}_by_design", f"{data}_{TWIN}") if name in known]
    if not starts:
        sets = sorted({name.removesuffix("_by_design") for name in known if name.endswith("_by_design")})
        raise CommandError(
            f"data={data}: has no experiment {data}_by_design{nearest(data, sets)}; {', '.join(sets)} have"
        )
    if model not in DERIVED:
        own = [name.removeprefix(f"{data}_") for name in known if name.startswith(f"{data}_")]
        models = sorted({*own, *DERIVED})
        raise CommandError(
            f"models={model}: no such model of {data}{nearest(model, models)}; known: {', '.join(models)}"
        )
    return [f"experiment={starts[0]}", *DERIVED[model]]


def _folds(data: str, wanted: str, config: Config) -> list[int | None]:
    """Return the folds of a data set, as far as they are wanted; their number is what its settings allow.

    Raises:
        CommandError: A fold that there is not.
    """
    if not hasattr(config.data, "fold"):
        if wanted != "all":
            raise CommandError(f"folds={wanted}: {data} has one split and no folds; leave folds out")
        return [None]
    there = [fold for fold in range(1, MOST_FOLDS + 1) if not _refused(config, fold)]
    chosen = there if wanted == "all" else [int(fold) for fold in entries(wanted)]
    if missing := [fold for fold in chosen if fold not in there]:
        raise CommandError(f"folds={missing[0]}: {data} has the folds {there[0]} to {there[-1]}")
    return list(chosen)


def _refused(config: Config, fold: int) -> bool:
    problems = dataclasses.replace(config.data, fold=fold).problems()  # type: ignore[call-arg]
    return any(problem.startswith("data.fold=") for problem in problems)
