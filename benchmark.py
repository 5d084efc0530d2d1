"""Compare models, and explanations of trained runs: `python benchmark.py COMMAND ...`; `--help` shows the rest.

Torch is imported inside the functions, so that a wrong command line is answered at once.
"""

import sys
from collections.abc import Callable, Sequence

from configs.benchmark_schema import ExplanationsBenchmark, SanityBenchmark
from configs.classification_schema import ClassificationBenchmark
from configs.errors import CommandError, InputError
from configs.registry import nearest
from configs.script_line import one_line_errors, script_settings
from configs.unlearn_schema import UnlearningBenchmark

USAGE = """\
usage: python benchmark.py explanations run=RUN [KEY=VALUE ...]   how good explanations are, beside the usual methods
       python benchmark.py sanity run=RUN [KEY=VALUE ...]         whether they depend on what was learned
       python benchmark.py unlearning run=RUN [KEY=VALUE ...]     how well classes are forgotten when units go
       python benchmark.py classification data=DATA [KEY=VALUE ...]   train models on folds and seeds, and compare them
       python benchmark.py COMMAND --help                         the settings of one of them

Finished parts are kept in the run folders: the same command goes on where it was stopped.
"""

EXPLANATIONS = """\
usage: python benchmark.py explanations run=RUN [KEY=VALUE ...]

Scores the explanations of a run and its black-box twin beside attribution methods and random controls, on test clips
and on mixtures, and writes explanations.md, .csv and .json and a page of the report.
"""

SANITY = """\
usage: python benchmark.py sanity run=RUN [KEY=VALUE ...]

Destroys what a model has learned, layer by layer, and says how much its explanations change; writes sanity.md, .json
and a page of the report.
"""


UNLEARNING = """\
usage: python benchmark.py unlearning run=RUN [KEY=VALUE ...]

Removes the units of each class in turn, chosen by measured effects and as published, beside matched random units, and
prunes by described properties; writes unlearning.md, .csv and .json.
"""


CLASSIFICATION = """\
usage: python benchmark.py classification data=DATA [KEY=VALUE ...] [GROUP.KEY=VALUE ...]

Trains each model on each fold with each seed, as train.py does, as far as it is not done yet, and writes the table as
classification.md, .csv and .json and as a page. GROUP.KEY=VALUE are settings of all trainings, such as data.root=PATH;
MODEL.GROUP.KEY=VALUE are those of one model. docs/benchmarks.md says how to split the work over machines.
"""


def explanations(arguments: list[str]) -> None:
    """Run `benchmark.py explanations`."""
    settings = script_settings(ExplanationsBenchmark, EXPLANATIONS, arguments)
    from callbacks.explanation_benchmark import benchmark_explanations

    print(benchmark_explanations(settings))


def sanity(arguments: list[str]) -> None:
    """Run `benchmark.py sanity`."""
    settings = script_settings(SanityBenchmark, SANITY, arguments)
    from callbacks.sanity_benchmark import benchmark_sanity

    print(benchmark_sanity(settings))


def unlearning(arguments: list[str]) -> None:
    """Run `benchmark.py unlearning`."""
    settings = script_settings(UnlearningBenchmark, UNLEARNING, arguments)
    from callbacks.unlearning_benchmark import benchmark_unlearning

    print(benchmark_unlearning(settings))


def classification(arguments: list[str]) -> int:
    """Run `benchmark.py classification`; return 1 where trainings failed."""
    from callbacks.classification_words import split_words

    own, words = split_words(arguments)
    settings = script_settings(ClassificationBenchmark, CLASSIFICATION, own)
    from callbacks.classification_benchmark import benchmark_classification

    text, failed = benchmark_classification(settings, words)
    print(text)
    return int(failed > 0)


COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "explanations": explanations,
    "sanity": sanity,
    "unlearning": unlearning,
    "classification": classification,
}


@one_line_errors
def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code: 0 done, 1 something could not be used, 2 the command was wrong."""
    try:
        if not arguments or arguments[0] in ("--help", "-h"):
            print(USAGE, end="")
            return 0 if arguments else 2
        name, *rest = arguments
        if name not in COMMANDS:
            raise CommandError(f"{name}: no such command{nearest(name, list(COMMANDS))}; known: {', '.join(COMMANDS)}")
        return COMMANDS[name](rest) or 0
    except KeyboardInterrupt:
        raise InputError("interrupted; the same command goes on with what is not done yet") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
