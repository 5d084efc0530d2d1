"""A data set with votes and unknown labels through `train.py`, from its folder to the report, on both levels."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import datamodules.sonyc_ust as sonyc_ust
from datamodules.sonyc_ust_labels import Classes, Recording, labels
from tests.miniature_sonyc import write_miniature
from tests.tiny_run import QUIET
from train import main

SMALL = (
    "data.seconds=0.5", "data.batch_size=8", "front_end.sample_rate=8000", "front_end.n_fft=512",
    "front_end.hop_length=256", "front_end.n_mels=32", "backbone.width=4", "trainer.max_epochs=1", *QUIET,
)  # fmt: skip
COMPONENTS = ("model.n_components=8", "model.nmf.updates=5", "model.nmf.frames=500")
SIZES = {
    "faithfulness": ("n_clips=4",),
    "listening": ("n_clips=2",),
    "dissection": ("n_clips=16", "units_shown=4", "ablated_units=1"),
    "layer_probes": ("n_clips=16",),
}
"""Settings of the instruments, small."""
INSTRUMENTS = {
    "black_box": ("faithfulness", "listening", "dissection", "layer_probes"),
    "by_design": ("faithfulness", "listening", "dissection", "layer_probes"),
    "nmf_linear": ("faithfulness", "listening"),  # no network with layers to probe
    "task_driven_nmf": ("faithfulness", "listening"),
    "post_hoc": ("faithfulness", "listening", "dissection", "layer_probes"),
    "lmac": ("faithfulness", "listening", "dissection", "layer_probes"),
    "masked_spectrogram": ("dissection", "layer_probes"),
}
"""Model -> the instruments that measure it."""


def instruments(*names: str) -> list[str]:
    """Switch the named instruments on, so that an error in one stops the run, and the others off."""
    told = [f"callbacks.{name}.enabled={str(name in names).lower()}" for name in SIZES]
    own = [f"callbacks.{name}.{setting}" for name in names for setting in (*SIZES[name], "on_error=raise")]
    return told + own


def trained(sonyc: Path, output: Path, level: str, model: str, *more: str) -> Path:
    """Train one epoch and return the run folder."""
    twin = "by_design" if model == "by_design" else "black_box"
    parts = () if model in ("black_box", "lmac", "masked_spectrogram") else COMPONENTS
    what = [f"experiment=sonyc_ust_{twin}", f"model.name={model}", f"data.root={sonyc}", f"data.labels={level}"]
    where = [f"data.cache_dir={sonyc.parent / 'cache'}", f"output={output}", f"run_id={model}"]
    assert main([*what, *where, *SMALL, *parts, *more]) == 0
    return output / f"sonyc_ust_{twin}" / model


@pytest.fixture(scope="module")
def sonyc(tmp_path_factory) -> Path:
    return write_miniature(tmp_path_factory.mktemp("sonyc") / "SONYC-UST", n_verified=12)


@pytest.mark.parametrize(("level", "n_classes"), [("coarse", 3), ("fine", 4)])
def test_votes_and_both_levels_end_to_end(sonyc, tmp_path, capsys, level, n_classes):
    run = trained(sonyc, tmp_path, level, "by_design", *instruments("faithfulness"))
    summary = json.loads((run / "summary.json").read_text())
    assert 0 <= summary["test/map"] <= 1
    assert (run / "report" / "index.html").is_file()
    said = capsys.readouterr().err
    assert "3 recordings have no labels that count; train 24, val 12, test 12 are used" in said
    with (run / "test_predictions.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 12
    assert len([column for column in rows[0] if column.startswith("p(")]) == n_classes


def numbers(run: Path) -> Iterator[tuple[str, Any]]:
    """Yield what a run wrote down, but for times and places."""
    for path in sorted(path for path in run.rglob("*") if path.suffix in (".csv", ".json", ".jsonl")):
        text = path.read_text()
        rows: Any = csv.DictReader(text.splitlines()) if path.suffix == ".csv" else None
        if rows is None:
            rows = map(json.loads, text.splitlines()) if path.suffix == ".jsonl" else [json.loads(text)]
        for number, row in enumerate(rows):
            yield from leaves(row, f"{path.relative_to(run)}[{number}]")


def leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        if not any(word in name for word in ("second", "/s", "time", "hash", "folder", "cache", "memory", "profile")):
            yield name, value
        return
    for key, part in inner:
        yield from leaves(part, f"{name}.{key}")


@pytest.mark.slow
@pytest.mark.parametrize("level", ["coarse", "fine"])
def test_what_stands_in_for_an_unknown_label_reaches_no_number(sonyc, tmp_path, monkeypatch, level):
    """Every model with every instrument, twice: unknown labels are 0, then 1; nothing that is written differs."""

    def ones(recording: Recording, classes: Classes) -> tuple[tuple[float, ...], tuple[bool, ...]] | None:
        found = labels(recording, classes)
        if found is None:
            return None
        return tuple(value if known else 1.0 for value, known in zip(*found, strict=True)), found[1]

    box = tmp_path / "first" / "sonyc_ust_black_box" / "black_box"
    for model, names in INSTRUMENTS.items():
        explains = [f"model.explains={box}"] if model in ("post_hoc", "lmac") else []
        runs = []
        for output, rule in (("first", labels), ("second", ones)):
            monkeypatch.setattr(sonyc_ust, "labels", rule)
            runs.append(trained(sonyc, tmp_path / output, level, model, *instruments(*names), *explains))
        first, second = (dict(numbers(run)) for run in runs)
        assert len(first) > 30
        different = {
            name: (first.get(name), second.get(name))
            for name in first.keys() | second.keys()
            if str(first.get(name)) != str(second.get(name)).replace("/second/", "/first/")
        }
        assert not different, model
