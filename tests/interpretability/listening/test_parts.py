"""Which parts of a clip are given, and that they add up."""

import torch

from interpretability.listening.parts import parts, shown_classes
from models.explanation import explain
from models.run_loading import load_run


def heard(run, multi_label=False):
    torch.manual_seed(2)
    said = explain(load_run(run(multi_label=multi_label)).model, torch.rand(2, 22050) - 0.5)
    return said.only(1), said


def test_one_clip_of_several_is_cut_out_whole(untrained_run):
    one, both = heard(untrained_run)
    torch.testing.assert_close(one.class_sound(2)[0], both.class_sound(2)[1])
    assert len(one) == 1
    assert one.predictions == both.predictions[1:]


def test_parts_are_the_sounds_of_the_interpretation_and_class_plus_rest_is_the_clip(untrained_run):
    one, _ = heard(untrained_run)
    found = list(parts(one, [1], [4, 0]))
    assert [(part.kind, part.number) for part in found] == [
        ("class", 1),
        ("rest", None),
        ("component", 4),
        ("component", 0),
    ]
    torch.testing.assert_close(found[0].sound, one.class_sound(1)[0])
    torch.testing.assert_close(found[1].sound, one.rest_sound(1)[0])
    torch.testing.assert_close(found[2].sound, one.component_sound([4])[0, 0])


def test_parts_of_a_long_recording_are_the_same_one_by_one(untrained_run, monkeypatch):
    one, _ = heard(untrained_run)
    together = list(parts(one, [2, 0], [4, 0, 7]))
    monkeypatch.setattr("interpretability.listening.parts.FRAMES_AT_ONCE", 1)
    apart = list(parts(one, [2, 0], [4, 0, 7]))
    assert [(part.kind, part.number) for part in together] == [(part.kind, part.number) for part in apart]
    for first, second in zip(together, apart, strict=True):
        torch.testing.assert_close(first.sound, second.sound, rtol=1e-4, atol=1e-6)


def test_the_rest_of_several_classes_is_what_none_of_them_selects(untrained_run):
    one, _ = heard(untrained_run, multi_label=True)
    rest = list(parts(one, [0, 2], []))[-1]
    neither = ~(one.selected(0) | one.selected(2))
    torch.testing.assert_close(rest.sound, one.render(neither[:, None], remainder=0)[0, 0])


def test_a_clip_without_a_predicted_class_is_explained_for_its_strongest(untrained_run):
    one, _ = heard(untrained_run, multi_label=True)
    one.logits[:] = torch.tensor([-1.0, -0.5, -2.0])
    assert shown_classes(one) == [1]
    one.logits[:] = torch.tensor([1.0, -0.5, 2.0])
    assert shown_classes(one) == [2, 0]
