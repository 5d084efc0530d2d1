"""What the command lines of scripts share."""

import pytest

from configs.errors import CommandError, InputError
from configs.script_line import one_line_errors


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("a.wav is silent"), 1, "error: a.wav is silent\n"),
        (CommandError("run=x: no such run"), 2, "error: run=x: no such run\n"),
        (KeyboardInterrupt(), 1, "error: interrupted\n"),
    ],
)
def test_what_a_script_cannot_use_is_one_line_and_a_code(capsys, error, code, said):
    @one_line_errors
    def main(arguments: list[str]) -> int:
        raise error

    assert main(["a"]) == code
    assert capsys.readouterr().err == said


def test_a_code_of_its_own_is_kept_and_faults_of_the_program_are_raised():
    @one_line_errors
    def main(number: int = 3) -> int:
        return 1 // number

    assert main(1) == 1
    assert main() == 0
    with pytest.raises(ZeroDivisionError):
        main(number=0)
