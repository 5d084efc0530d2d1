"""Classifiers of ours and of others, as metrics see them."""

import pytest
import torch
from torch import nn

from configs.compose import compose
from configs.errors import InputError
from configs.schema import FrontEndConfig
from models.black_box import BlackBoxClassifier
from models.explained import are_probabilities, explained_classifier, from_module
from models.front_end import FrontEnd
from models.frozen_classifier import FrozenClassifier
from models.run_loading import load_run


def loud(n=22050, clips=2, seed=3):
    return torch.rand(clips, n, generator=torch.Generator().manual_seed(seed)) * 0.6 - 0.3


@pytest.mark.parametrize("multi_label", [True, False])
def test_our_classifiers_answer_as_they_do_themselves(untrained_run, multi_label):
    model = load_run(untrained_run(multi_label=multi_label)).model.train()
    f, clips = explained_classifier(model), loud()
    with torch.no_grad():
        logits = f.logits(clips)
        torch.testing.assert_close(logits, model.eval()(clips))
        spectrum = f.analyse(clips)
        again = f.reheard(spectrum, torch.ones(2, 1, 1, 1), clips.shape[1])[:, 0]
    torch.testing.assert_close(again, logits, rtol=1e-3, atol=1e-3)
    assert f.class_names == model.class_names
    assert f.multi_label == multi_label


def test_asking_leaves_training_flags_and_gradients_reach_the_sound(untrained_run):
    model = load_run(untrained_run()).model.train()
    f = explained_classifier(model)
    spectrum = f.analyse(loud())
    log_magnitude = torch.log1p(spectrum.abs()).requires_grad_()
    f.of_log_magnitude(log_magnitude, spectrum)[:, 0].sum().backward()
    assert all(part.training for part in model.modules())
    assert torch.isfinite(log_magnitude.grad).all()
    assert log_magnitude.grad.abs().sum() > 0


def test_a_post_hoc_interpreter_stands_for_the_classifier_it_explains(untrained_run):
    model = load_run(untrained_run()).model
    twin = BlackBoxClassifier(compose(["model.name=black_box"]), ("a", "b"), False)
    model.classifier = twin
    assert explained_classifier(model).module is twin


def test_a_classifier_of_others_within_a_post_hoc_interpreter_is_heard_too(untrained_run):
    model = load_run(untrained_run()).model
    module = Other(lambda scores: scores)
    model.frozen = FrozenClassifier(module, {}, "other")
    clips = loud(22050)
    f = explained_classifier(model)
    assert f.module is module
    n_samples = (f.stft(clips).shape[-1] - 1) * model.front_end.config.hop_length
    expected = module(model.front_end.normalize(clips)[:, :n_samples])
    torch.testing.assert_close(f.logits(clips), expected, rtol=1e-3, atol=1e-3)


class Other(nn.Module):
    """Somebody's classifier: two scores from loudness, made into what is asked for."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.dropout = answer, nn.Dropout(0.5)

    def forward(self, waveform):
        level = self.dropout(waveform).square().mean(dim=1)
        return self.answer(torch.stack([level * 30 - 2, 1 - level], dim=1))


FRONT_END = FrontEnd(FrontEndConfig(sample_rate=8000, n_fft=256, hop_length=128, n_mels=16, normalize="none"))


def test_any_module_is_heard_through_the_front_end():
    clips = loud(8064)
    f = from_module(Other(lambda scores: scores).train(), FRONT_END, ("loud", "soft"))
    torch.testing.assert_close(f.logits(clips), f.module.eval()(clips), rtol=1e-4, atol=1e-4)
    odd = from_module(Other(lambda scores: scores), FRONT_END, ("loud", "soft"), n_samples=8100)
    torch.testing.assert_close(odd.logits(loud(8100)), odd.module.eval()(loud(8100)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("multi_label", "answer"), [(False, lambda scores: scores.softmax(dim=1)), (True, torch.sigmoid)]
)
def test_probabilities_are_found_out_and_taken_back_to_logits(multi_label, answer):
    module, clips = Other(answer), loud(8064)
    with pytest.raises(InputError, match=r'returns probabilities .* say outputs="probabilities"'):
        from_module(module, FRONT_END, ("loud", "soft"), multi_label)
    f = from_module(module, FRONT_END, ("loud", "soft"), multi_label, outputs="probabilities")
    torch.testing.assert_close(f.probabilities(f.logits(clips)), module.eval()(clips), rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        assert torch.isfinite(f.logits(torch.zeros(1, 8064))).all()


def test_wrong_outputs_are_named():
    with pytest.raises(InputError, match=r"shape \(8, 2\) for 8 clips; 3 class names need \(8, 3\)"):
        from_module(Other(lambda scores: scores), FRONT_END, ("a", "b", "c"))
    with pytest.raises(InputError, match="returns something else"):
        from_module(Other(lambda scores: scores), FRONT_END, ("a", "b"), outputs="probabilities")


def test_what_looks_like_probabilities():
    assert are_probabilities(torch.tensor([[0.2, 0.8], [1.0, 0.0]]), False)
    assert not are_probabilities(torch.tensor([[0.2, 0.7]]), False)
    assert are_probabilities(torch.tensor([[0.2, 0.7]]), True)
    assert not are_probabilities(torch.tensor([[0.2, 1.1]]), True)
    assert not are_probabilities(torch.tensor([[-0.2, 1.2]]), False)
