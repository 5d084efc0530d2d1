"""Check of a data set on disk against its release: `python -m datamodules.check_release NAME FOLDER`."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from configs.errors import InputError

CHECKERS = {
    "esc50": "esc50:check_release",
    "openmic": "openmic:check_release",
    "urbansound8k": "urbansound8k:check_release",
    "sonyc_ust": "sonyc_ust:check_release",
    "gtzan": "gtzan:check_release",
    "mtg_jamendo": "mtg_jamendo:check_release",
    "fsdd": "digits_files:check_fsdd",
    "sc09": "digits_files:check_speech_commands",
}
"""Name of a published data set -> module and function that raises InputError where a folder is not all of it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Say in one line whether a folder is the release, or what it lacks; return 0, 1 or, for a wrong call, 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) != 2 or given[0] not in CHECKERS:
        print(f"python -m datamodules.check_release NAME FOLDER, with NAME of {', '.join(CHECKERS)}", file=sys.stderr)
        return 2
    name, root = given[0], Path(given[1]).expanduser()
    try:
        if not root.is_dir():
            raise InputError("no such folder")
        checker(name)(root)
    except InputError as error:
        print(f"{root}: {error}", file=sys.stderr)
        return 1
    print(f"{root} is {name} as published")
    return 0


def checker(name: str) -> Callable[[Path], None]:
    """Return the function that checks a folder of the data set `name`."""
    module, _, function = CHECKERS[name].partition(":")
    found: Callable[[Path], None] = getattr(import_module(f"datamodules.{module}"), function)
    return found


if __name__ == "__main__":
    sys.exit(main())
