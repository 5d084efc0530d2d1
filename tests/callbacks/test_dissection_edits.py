"""Words of units tested by edits, on a run that was trained with the dissection."""

import json
from pathlib import Path

import pytest
import torch

import explain
from callbacks.dissection_edits import curves, table
from callbacks.dissection_edits_command import main
from configs.compose import compose
from interpretability.stimuli.edit_effects import EditEffects
from interpretability.stimuli.edit_list import usual_edits
from report.dissection_file import load_units
from train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("edits")
    settings = [
        f"output={root / 'runs'}", f"data.cache_dir={root / 'cache'}", "run_id=a", "data.seconds=1", "data.n_train=32",
        "data.n_val=20", "data.n_test=16", "data.batch_size=16", "front_end.n_mels=32", "backbone.width=4",
        "model.name=black_box", "trainer.max_epochs=1", "trainer.progress=false", "logger.wandb=disabled",
        "callbacks.dissection.enabled=true", "callbacks.dissection.on_error=raise", "callbacks.dissection.edits=false",
        "callbacks.dissection.ablated_units=0", "callbacks.dissection.tuning=false", "callbacks.dissection.k=8",
        "callbacks.dissection.layers=[backbone.blocks.2]",
    ]  # fmt: skip
    return train(compose(settings))["run"]


def test_a_dissected_run_is_edited(run, capsys):
    assert main([run]) == 0
    out = capsys.readouterr().out
    assert "by chance %" in out
    assert "| backbone.blocks.2 |" in out
    lines = [json.loads(line) for line in open(f"{run}/dissection/end.jsonl")]  # noqa: PTH123, SIM115
    assert {line["unit"] for line in lines} == set(range(32))
    edited = [line for line in lines if line["edits"]]
    assert [line["dead"] for line in lines] == [line["edits"] is None for line in lines]  # of poles that vary
    for line in edited:
        assert line["edits"]["gain"]["dose"] == [-24, -12, -6, 6, 12]
        assert set(line["edits"]["reversal"]["moved"]) <= {-1, 0, 1}
        assert all(word["edits"] in ("no prediction", "confirmed", "contradicted", "mixed", "not seen")
                   for word in line["words"])  # fmt: skip
    shown = load_units(Path(run))
    assert [unit["edits"] for unit in shown.units] == [line["edits"] for line in lines]
    assert all(len(unit["top"]) == 6 for unit in shown.units if not unit["dead"])  # the gallery plays fewer than k
    assert "only the tonal part" in (Path(run) / "report" / "assets" / "unit_edits.js").read_text().lower()
    assert table({}).count("\n") == 2


def test_effects_are_those_of_the_pole():
    edits = usual_edits(1000.0, 22050)[:4]
    change = torch.tensor([[-2.0], [-1.0], [1.0], [3.0]])
    effects = EditEffects("a", edits, torch.tensor([0]), change, 0 * change, change, torch.tensor([8]),
                          torch.zeros(4, 1), torch.tensor([[0.01], [0.2], [0.2], [0.01]]))  # fmt: skip
    high, low = (curves(effects, 0, pole)["pitch"] for pole in (1, -1))
    assert (high.dose, high.unit) == ((-12.0, -5.0, 5.0, 12.0), "st")
    assert high.effect == (-2.0, -1.0, 1.0, 3.0)
    assert high.moved == (-1, 0, 0, 1)
    assert low.effect == (2.0, 1.0, -1.0, -3.0)
    assert low.moved == (1, 0, 0, -1)


def test_explain_and_the_callback_edit_where_they_are_asked_to(run, monkeypatch):
    made = {}

    def no_edits(model, taps, reports, probes, read_out):
        made["layers"] = taps.layers
        return {}

    monkeypatch.setattr("callbacks.dissection_end.edited", no_edits)
    said = [f"run={run}", "what=units", "overwrite=true", "report=false", "n_clips=8"]
    assert explain.main([*said, "edits=false"]) == 0
    assert not made
    assert explain.main([*said, "edits=true"]) == 0
    assert made == {"layers": ("backbone.blocks.2",)}


def test_a_run_without_a_dissection_is_refused(untrained_run, capsys):
    assert main([str(untrained_run(**{"model.name": "black_box"}))]) == 1
    assert "what=units" in capsys.readouterr().err
