"""What goes to Weights & Biases at a point: sounds beside real excerpts, all settings, pictures on one scale."""

from types import SimpleNamespace

import numpy as np

from callbacks.explanation_fid_media import LANES, SOUNDS, entries_of, panels
from callbacks.explanation_fid_point import refresh
from callbacks.generation_pictures import panel_scale
from callbacks.generation_search import prepare_search
from configs.explanation_fid_schema import ExplanationFidConfig
from configs.generation_schema import GenerationConfig
from tests.callbacks.test_explanation_fid import POINT, SEARCH, cache, loaded  # noqa: F401 - fixtures


def test_tables_and_pictures_of_a_point(loaded):  # noqa: F811
    opened, data = loaded
    config = ExplanationFidConfig(generation=GenerationConfig(**SEARCH), **POINT)
    ground = prepare_search(opened.model, data, config.generation)
    found, _ = refresh(ground, ["alarm", "bell"], config, {})
    wandb = SimpleNamespace(
        Table=lambda columns, data: (columns, data),
        Audio=lambda samples, sample_rate: ("audio", samples, sample_rate),
        Image=lambda picture, caption: ("image", picture, caption),
    )
    made = entries_of(found, ground, "epoch 1", panel_scale(ground))(wandb)
    columns, rows = made["explanation_fid/sounds"]
    assert columns == list(SOUNDS)
    assert [len(row) for row in rows] == [len(SOUNDS)] * 2
    assert rows[0][1] == "alarm"
    audio = rows[0][list(SOUNDS).index("generated")]
    assert audio[2] == 22050
    assert abs(float(np.abs(audio[1]).max()) - 1) < 1e-5
    columns, rows = made["explanation_fid/lanes"]
    assert [len(row) for row in rows] == [len(LANES)] * 6  # two settings and the ceiling of two units
    assert sum(row[list(LANES).index("chosen")] for row in rows) == 2
    _, picture, caption = made["explanation_fid/panel/alarm"]
    assert "nearest real excerpt" in caption
    low, high = panel_scale(ground)
    brighter = panels(found[0], ground, (low, (low + high) / 2))
    assert brighter.shape == picture.shape
    assert brighter.astype(int).sum() > picture.astype(int).sum()
