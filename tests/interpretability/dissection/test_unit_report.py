"""Records of units survive JSON, and readers refuse what is none."""

import json
import math

import pytest

from interpretability.dissection.unit_report import (
    Ablation,
    EditCurve,
    Excerpt,
    HistoryPoint,
    Polysemanticity,
    TuningCurve,
    UnitReport,
    Word,
    from_plain,
    to_plain,
)

FULL = UnitReport(
    layer="blocks.2",
    unit=3,
    pole=-1,
    label="dog",
    source="labels",
    auprc=0.5,
    chance=0.1,
    words=(Word("high-pitched", "f0", 0.75, 0.001, "confirmed"),),
    sentence="high-pitched; dog",
    polysemanticity=Polysemanticity(0.25, 2.5, True, 0.05),
    top=(Excerpt("a.wav", 4, 1.5, 3.0), Excerpt("b.wav", 0, None, 2.0)),
    descriptors={"f0": 0.75, "level": -0.125},
    tuning={"tones": TuningCurve((100.0, 200.0), (0.0, 1.0), "Hz", peak=200.0)},
    edits={"pitch": EditCurve((-12.0, 12.0), (-0.5, None), (-1, 0), "st")},
    ablation=Ablation(("dog", "cat"), (20, 20), (-1.0, None), (-0.25, None), (0.25, None), (3.0, None), -0.125, 20),
    history=(HistoryPoint(1, None, None, None), HistoryPoint(2, "dog", 0.5, 0.75)),
)


def test_a_record_is_the_same_after_json():
    assert from_plain(json.loads(json.dumps(to_plain(FULL), allow_nan=False))) == FULL
    bare = UnitReport(layer="a", unit=0, pole=1, label=None, source="labels")
    assert from_plain(json.loads(json.dumps(to_plain(bare)))) == bare


def test_a_record_without_edits_is_read():
    plain = {name: value for name, value in to_plain(FULL).items() if name != "edits"}
    plain["words"] = [{name: value for name, value in word.items() if name != "edits"} for word in plain["words"]]
    found = from_plain(plain)
    assert found.edits is None
    assert found.words[0].edits is None


def test_keys_tell_units_and_poles_apart():
    assert FULL.key == "blocks.2/3-"
    assert UnitReport(layer="blocks.2", unit=3, pole=1, label=None, source="").key == "blocks.2/3+"


def test_the_strongest_effect_is_that_of_the_class_that_loses_most():
    assert FULL.ablation.strongest == 3.0
    assert Ablation(("a",), (0,), (None,), (None,), (None,), (None,), None, 0).strongest is None


def test_what_is_not_finite_becomes_none_and_numbers_are_short():
    plain = to_plain(UnitReport("a", 0, 1, None, "labels", auprc=math.nan, mean=1 / 3, high=math.inf))
    assert (plain["auprc"], plain["mean"], plain["high"]) == (None, 0.333333, None)


@pytest.mark.parametrize("change", [{"version": 0}, {"words": None}, {"unknown": 1}, {"top": [{"clip": "a"}]}])
def test_other_data_is_refused(change):
    with pytest.raises(ValueError, match="unit report"):
        from_plain(to_plain(FULL) | change)
