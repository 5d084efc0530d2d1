"""The check of a folder from the command line: what is missing in one line, for every published set."""

import subprocess
import sys
from pathlib import Path

import pytest

from datamodules.check_release import CHECKERS, main

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", CHECKERS)
def test_an_empty_folder_is_told_what_it_lacks(tmp_path, capsys, name):
    assert main([name, str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(tmp_path) in said
    assert main([name, str(tmp_path / "no")]) == 1
    assert capsys.readouterr().err == f"{tmp_path / 'no'}: no such folder\n"


def test_a_wrong_call_names_the_sets():
    ran = subprocess.run(
        [sys.executable, "-m", "datamodules.check_release", "mnist", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert "NAME of esc50, openmic, urbansound8k" in ran.stderr


@pytest.mark.real_data
def test_real_digits_are_as_published(shared_data, capsys):
    assert main(["fsdd", str(shared_data / "fsdd")]) == 0
    assert "is fsdd as published" in capsys.readouterr().out
