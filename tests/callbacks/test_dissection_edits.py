"""Words of units tested by edits, on a run that was trained with the dissection."""

import json

import pytest

from callbacks.dissection_edits import main, table
from configs.compose import compose
from train import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("edits")
    settings = [
        f"output={root / 'runs'}", f"data.cache_dir={root / 'cache'}", "run_id=a", "data.seconds=1", "data.n_train=32",
        "data.n_val=20", "data.n_test=16", "data.batch_size=16", "front_end.n_mels=32", "backbone.width=4",
        "model.name=black_box", "trainer.max_epochs=1", "trainer.progress=false", "logger.wandb=disabled",
        "callbacks.dissection.enabled=true", "callbacks.dissection.on_error=raise",
        "callbacks.dissection.ablated_units=0", "callbacks.dissection.tuning=false", "callbacks.dissection.k=8",
        "callbacks.dissection.layers=[backbone.blocks.2]",
    ]  # fmt: skip
    return train(compose(settings))["run"]


def test_a_dissected_run_is_edited(run, capsys):
    assert main([run]) == 0
    out = capsys.readouterr().out
    assert "by chance %" in out
    assert "| backbone.blocks.2 |" in out
    lines = [json.loads(line) for line in open(f"{run}/dissection/edits.jsonl")]  # noqa: PTH123, SIM115
    units = {line["unit"] for line in lines}
    assert 0 < len(units) <= 32  # poles that vary
    for line in lines:
        assert line["edits"]["gain"]["dose"] == [-24, -12, -6, 6, 12]
        assert all(word["verdict"] in ("no prediction", "confirmed", "contradicted", "mixed", "not seen")
                   for word in line["words"])  # fmt: skip
    assert table({}).count("\n") == 2


def test_a_run_without_a_dissection_is_refused(untrained_run, capsys):
    assert main([str(untrained_run(**{"model.name": "black_box"}))]) == 1
    assert "what=units" in capsys.readouterr().err
