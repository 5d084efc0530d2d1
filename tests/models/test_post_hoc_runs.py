"""The interpreter of a run of ours: what its checkpoint holds, and which runs it refuses."""

import pytest
import torch

from configs.errors import InputError
from models.frozen_classifier import probes
from models.run_loading import load_run


def post_hoc_run(untrained_run, tmp_path, **settings):
    """A checkpoint of an interpreter of an untrained run of ours."""
    box = untrained_run("box", **{"model.name": "black_box"})
    small = {"model.name": "post_hoc", "model.explains": str(box), "model.layers": "[]"}
    return box, untrained_run("interpreter", **(small | settings))


def test_a_run_loads_without_the_run_it_explains(untrained_run, tmp_path):
    box, folder = post_hoc_run(untrained_run, tmp_path)
    waveform = probes(22050, 2)
    expected = load_run(box).model(waveform)
    box.rename(tmp_path / "gone")
    run = load_run(folder)
    assert torch.equal(run.model.classified(waveform), expected)
    assert list(run.model.taps.shapes) == ["backbone.blocks.0", "backbone.blocks.1", "backbone.blocks.2"]
    said = run.explain(waveform)
    torch.testing.assert_close(said.relevance.sum(dim=2), said.logits, rtol=1e-5, atol=1e-6)
    assert not torch.equal(said.logits, expected)


@pytest.mark.parametrize(
    ("settings", "names", "message"),
    [
        (
            {"front_end.sample_rate": 16000},
            None,
            "was trained with front_end.sample_rate=22050, this run has 16000; give",
        ),
        ({"front_end.n_mels": 48}, None, "was trained with front_end.n_mels=32, this run has 48; give"),
        ({}, ("a", "b"), r"single-label data of 3 classes \(dog, rain, bell\), this run's data is single-label with 2"),
    ],
)
def test_a_run_of_another_front_end_or_other_classes_is_refused(untrained_run, tmp_path, settings, names, message):
    more = {"class_names": names} if names else {}
    with pytest.raises(InputError, match=message) as caught:
        post_hoc_run(untrained_run, tmp_path, **settings, **more)
    assert "\n" not in str(caught.value)


def test_an_interpreter_does_not_explain_an_interpreter(untrained_run, tmp_path):
    _, folder = post_hoc_run(untrained_run, tmp_path)
    with pytest.raises(InputError, match="is itself an interpreter; give the run that it explains"):
        untrained_run("second", **{"model.name": "post_hoc", "model.explains": str(folder)})
