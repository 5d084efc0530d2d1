"""The interpreter of a run of ours: what its checkpoint holds, and which runs it refuses."""

import pytest
import torch

from callbacks.report_data import explained_clip
from configs.errors import InputError
from interpretability.listening.parts import shown_classes
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


def test_the_class_explained_is_that_of_the_classifier(untrained_run, tmp_path):
    box, folder = post_hoc_run(untrained_run, tmp_path)
    run, f = load_run(folder), load_run(box).model
    with torch.no_grad():  # an interpreter that always says the last class, and a classifier that says the first
        f.head[1].bias[0] += 100.0
        run.model.classifier.head[1].bias[0] += 100.0
        run.model.bottleneck.weight[2] = 1.0
    waveform = probes(22050, 2)
    said = run.explain(waveform)
    torch.testing.assert_close(said.decision, f(waveform))
    assert said.predictions == [("dog",), ("dog",)]
    assert said.logits.argmax(dim=1).tolist() == [2, 2]
    assert not said.agreed.any()
    torch.testing.assert_close(said.probabilities, f(waveform).softmax(dim=1))
    assert shown_classes(said.only(1)) == [0]
    assert "the classifier itself says dog" in explained_clip(said.only(1), waveform[1], "a", "val", None).note


def test_of_a_long_recording_the_classifier_hears_the_windows(untrained_run, tmp_path):
    box, folder = post_hoc_run(untrained_run, tmp_path)
    run, recording = load_run(folder), probes(60000, 1)[0]
    said = run.explain(recording)
    assert len(said.windows) > 1
    windows = [recording[512 * first :][:22050] for first, _ in said.windows]
    windows = [torch.nn.functional.pad(window, (0, 22050 - len(window))) for window in windows]
    lengths = torch.tensor([min(22050, 60000 - 512 * first) for first, _ in said.windows])
    expected = load_run(box).model(torch.stack(windows), lengths).mean(dim=0, keepdim=True)
    torch.testing.assert_close(said.explained, expected, rtol=1e-4, atol=1e-4)
    assert said.sounding(30000)[1].explained is None


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
