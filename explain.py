"""Explain recordings by a trained run: `python explain.py run=RUN audio=FILE_OR_FOLDER`; `--help` shows the rest.

Torch is imported inside the functions, so that a wrong command line is answered at once.
"""

import sys
from collections.abc import Sequence

from configs.errors import InputError
from configs.explain_schema import ExplainConfig
from configs.script_line import script_settings

USAGE = """\
usage: python explain.py run=RUN audio=FILE_OR_FOLDER [KEY=VALUE ...]

Writes the sound of each predicted class, of the rest and of its components, explanations.json, and a report.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code: 0 done, 1 nothing could be explained, 2 the command was wrong."""
    try:
        settings = script_settings(ExplainConfig, USAGE, list(arguments))
        from callbacks.explain_files import explain_files

        outcome = explain_files(settings)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 1
    print(f"explained {outcome.explained} of {outcome.explained + outcome.skipped} files in {outcome.output}")
    if outcome.report is not None:
        print(f"report: {outcome.report}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
