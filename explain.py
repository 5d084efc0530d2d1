"""Explain recordings by a trained run: `python explain.py run=RUN audio=FILE_OR_FOLDER`; `--help` shows the rest.

`python explain.py run=RUN what=units` explains the units of its network instead, `what=layers` its layers.

Torch is imported inside the functions, so that a wrong command line is answered at once.
"""

import importlib
import sys
from collections.abc import Sequence

from configs.explain_schema import WHAT, ExplainConfig
from configs.script_line import one_line_errors, script_settings

USAGE = """\
usage: python explain.py run=RUN audio=FILE_OR_FOLDER [KEY=VALUE ...]
       python explain.py run=RUN what=units [KEY=VALUE ...]
       python explain.py run=RUN what=generations [units=[UNIT,...]] [prior=RUN] [KEY=VALUE ...]
       python explain.py run=RUN what=layers [layers=[PATH,...]] [audio=FILE_OR_FOLDER] [KEY=VALUE ...]

Writes the sound of each predicted class, of the rest and of its components, explanations.json, and a report.
With what=units, measures what each unit of the network responds to, and puts a gallery of them into the report.
With what=generations, generates sounds that its classes or units ask for, and scores them against real excerpts.
With what=layers, measures what each layer carries of the sound, and draws and plays the layers for given sounds.
"""


@one_line_errors
def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code: 0 done, 1 nothing could be explained, 2 the command was wrong."""
    settings = script_settings(ExplainConfig, USAGE, list(arguments))
    module, _, function = WHAT[settings.what].partition(":")
    lines = getattr(importlib.import_module(module), function)(settings)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
