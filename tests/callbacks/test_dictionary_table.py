"""The command shows a dictionary beside the published one, or says in one line why it cannot."""

import torch

from callbacks.dictionary_table import main
from models.nmf_dictionary import Dictionary


def test_command_shows_both_columns(tmp_path, capsys):
    Dictionary(torch.eye(4), torch.ones(4), {"sample_rate": 22050}, {}, ("all",) * 4, 0.1, 3.0, (1.0,)).save(
        tmp_path / "d.pt"
    )
    assert main([str(tmp_path / "d.pt")]) == 0
    shown = capsys.readouterr().out
    assert "0.57" in shown
    assert "effective components" in shown
    assert main([str(tmp_path / "missing.pt")]) == 1
    assert main([]) == 2
    assert capsys.readouterr().err.count("\n") == 2
