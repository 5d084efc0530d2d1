"""A dictionary in figures beside the published one: `python -m callbacks.dictionary_table RUN/dictionary.pt`."""

import sys
from collections.abc import Sequence

from configs.errors import CommandError
from configs.script_line import one_line_errors
from models.nmf_dictionary import Dictionary
from models.nmf_properties import PUBLISHED, properties
from report.summary_table import print_summary


@one_line_errors
def main(arguments: Sequence[str]) -> int:
    """Print the figures of a dictionary file beside the published ones; return the exit code."""
    if len(arguments) != 1:
        raise CommandError("name one dictionary file: python -m callbacks.dictionary_table RUN/dictionary.pt")
    dictionary = Dictionary.load(arguments[0])
    ours = properties(dictionary.atoms, int(dictionary.front_end["sample_rate"]))
    ours["effective components"] = dictionary.effective_components
    ours["relative error on learning frames %"] = 100 * dictionary.relative_error
    print_summary(
        [{"property": name, "this file": value, "published": PUBLISHED.get(name)} for name, value in ours.items()]
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
