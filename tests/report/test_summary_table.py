import io

from rich.console import Console

from report.run_facts import beside, summary_rows
from report.summary_table import print_summary

FIGURES = {
    "test/accuracy": 0.98765,
    "test/n": 600,
    "parameters": 123456,
    "flops_per_clip": 9_049_000,
    "seconds/fit": 222.2,
    "seconds/test": 0.5,
    "best/epoch": 3,
    "seed": 0,
}


def test_run_and_twin_stand_in_one_table() -> None:
    text = io.StringIO()
    summary = {**FIGURES, "model": "by_design", **beside({**FIGURES, "test/accuracy": 0.5})}
    assert "twin/seed" not in summary
    rows = [*summary_rows(summary), {"model": "logistic regression", "test/accuracy": 0.74}]
    print_summary(rows, Console(file=text, width=20))
    head, *lines = text.getvalue().splitlines()
    assert head.split() == ["model", "test/accuracy", "n", "parameters", "MFLOP/clip", "fit", "s", "test", "s"]
    assert lines[0].split() == ["by_design", "0.9877", "600", "123,456", "9.049", "222.2", "0.5"]
    assert lines[1].split()[2] == "0.5"
    assert lines[2].split()[2:] == ["0.74", "-", "-", "-", "-", "-"]


def test_a_run_without_twin_has_one_row() -> None:
    assert len(summary_rows({**FIGURES, "model": "by_design"})) == 1


def test_names_are_no_markup() -> None:
    text = io.StringIO()
    print_summary([{"model": "a[bold]x", "[/b]": ":dog:"}], Console(file=text))
    assert text.getvalue().split() == ["model", "[/b]", "a[bold]x", ":dog:"]
