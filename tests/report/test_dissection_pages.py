"""The gallery of units: what is written into the report."""

import json

import numpy as np
import pytest

from configs.errors import InputError
from interpretability.dissection.unit_report import to_plain
from report.build import build
from report.dissection_file import SOUNDS, ProbeClip, load_units
from report.sound_file import read_sound
from tests.report.dissected_run import CLASSES, HOSTILE, RATE, dissected, gallery, some, unit

__all__ = ["gallery"]  # a fixture


def test_what_is_written_is_read_again(tmp_path):
    dissected(tmp_path, some())
    found = load_units(tmp_path)
    assert found.units == [to_plain(one) for one in some()]
    assert found.clips[1] == ProbeClip(f"clip 1 {CLASSES[1]}", 1.0, (CLASSES[1],), "1.wav")
    assert [point.epoch for point in found.points] == [1, 10]
    sound = read_sound(tmp_path / SOUNDS / found.clips[0].file)
    assert len(sound) == RATE
    assert 0.2 < np.abs(sound).max() < 0.6
    assert read_sound(tmp_path / SOUNDS / (found.clips[-1].file or "")) is None
    file = tmp_path / SOUNDS / found.clips[0].file
    file.write_bytes(file.read_bytes()[:-1])
    assert read_sound(file) is None


def test_a_run_without_units_has_no_gallery(tmp_path):
    assert load_units(tmp_path) is None
    index = build(tmp_path)
    assert not index.with_name("units.html").exists()
    assert "Units" not in index.read_text()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace('"version":1', '"version":0', 1),
        lambda text: text.replace('"index":11', '"index":99'),
        lambda text: text.replace('"layers":["blocks.2","bottleneck"]', '"layers":["bottleneck"]'),
        lambda text: "[]",
    ],
)
def test_a_damaged_file_is_named_on_the_page_and_the_report_is_built(tmp_path, damage):
    path = dissected(tmp_path, some())
    changed = damage(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(InputError, match=r"units\.json: cannot be read"):
        load_units(tmp_path)
    index = build(tmp_path)
    assert "cannot be read" in index.with_name("units.html").read_text()
    assert not index.with_name("unit.html").exists()


def test_units_lie_in_shards_and_sounds_once_for_each_clip(gallery):
    index = gallery([unit(i) for i in range(100)])
    data = index.parent / "data"
    assert len(list((data / "units").iterdir())) == 3
    assert len(list((data / "probe").iterdir())) == 11
    text = (data / "units.js").read_text()
    listed = json.loads(text[text.index(",") + 1 : text.rindex(")")])
    assert len(listed["units"]) == 100
    assert len(text) < 100 * 200 + 5000
    assert HOSTILE not in text


def test_a_point_whose_concepts_failed_is_marked(gallery):
    index = gallery(some(), problem="clap: the endpoint did not answer in 30 s")
    assert "Epoch 1: clap: the endpoint did not answer in 30 s" in index.with_name("units.html").read_text()


def test_components_lead_to_the_pages_of_their_units(untrained):
    run = untrained()
    run.add("clip")
    assert "what drives it" not in build(run.folder).with_name("components.html").read_text()
    dissected(run.folder, [unit(i, "bottleneck") for i in range(12)])
    text = build(run.folder).with_name("components.html").read_text()
    assert 'href="unit.html#bottleneck%2F3%2B"' in text
