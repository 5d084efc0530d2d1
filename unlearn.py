"""Remove a concept from a trained run: `python unlearn.py run=RUN concept=CONCEPT`; `--help` shows the rest.

Torch is imported inside the functions, so that a wrong command line is answered at once.
"""

import sys
from collections.abc import Sequence

from configs.script_line import one_line_errors, script_settings
from configs.unlearn_schema import UnlearnConfig

USAGE = """\
usage: python unlearn.py run=RUN concept=CONCEPT [KEY=VALUE ...]

Removes the units that carry a concept, and writes the pruned checkpoint, which loads wherever the run's own does, a
table of what was lost and kept, unlearning.json, and a page of the report.
"""


@one_line_errors
def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code: 0 done, 1 something could not be used, 2 the command was wrong."""
    settings = script_settings(UnlearnConfig, USAGE, list(arguments))
    from callbacks.unlearning import unlearn

    print(unlearn(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
