import pytest
import torch

from configs.errors import InputError
from interpretability.attribution.gradients import (
    captum_attribution,
    input_x_gradient,
    integrated_gradients,
    saliency,
    signed_integrated_gradients,
    slopes,
    smoothgrad,
)
from interpretability.attribution.settings import AttributionSettings

LABELS = torch.tensor([0, 1, 0])


@pytest.fixture
def weights(planted):
    return torch.randn(2, *planted.shape, generator=torch.Generator().manual_seed(3))


def test_on_a_linear_classifier_all_are_known(planted, weights):
    f, S = planted.explained(planted.Linear(weights)), planted.spectra()
    X, w, settings = S.abs().log1p(), weights[LABELS], AttributionSettings()
    torch.testing.assert_close(saliency(settings, f, S, LABELS), w.abs(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        smoothgrad(AttributionSettings(smoothgrad_noise=0.0), f, S, LABELS), w.abs(), rtol=1e-4, atol=1e-5
    )
    for method in (input_x_gradient, integrated_gradients):
        torch.testing.assert_close(method(settings, f, S, LABELS), (w * X).clamp_min(0), rtol=1e-4, atol=1e-5)


def test_slope_is_the_difference_quotient(planted):
    f, S = planted.explained(planted.SmallNet().eval().double()), planted.spectra(1).to(torch.complex128)
    X = S.abs().log1p()
    slope = slopes(f, X, S, torch.tensor([2]))
    for place in [(0, 3, 5), (0, 20, 30), (0, 32, 39)]:
        step = torch.zeros_like(X)
        step[place] = 1e-6
        with torch.no_grad():
            quotient = (f.of_log_magnitude(X + step, S) - f.of_log_magnitude(X - step, S))[0, 2] / 2e-6
        torch.testing.assert_close(slope[place], quotient, rtol=1e-4, atol=1e-9)


def test_integrated_gradients_add_up_to_the_difference_from_silence(planted):
    f, S = planted.explained(planted.SmallNet().eval()), planted.spectra()
    found = signed_integrated_gradients(AttributionSettings(ig_steps=64), f, S, LABELS).sum(dim=(1, 2))
    with torch.no_grad():
        difference = (f.respond(S) - f.respond(torch.zeros_like(S))).gather(1, LABELS[:, None])[:, 0]
    torch.testing.assert_close(found, difference, rtol=0.03, atol=0.003)
    by_hand = torch.zeros_like(S.real)
    X, nodes = S.abs().log1p(), 300
    for step in range(nodes):
        by_hand += slopes(f, X * (step + 0.5) / nodes, S, LABELS) * X / nodes
    found = signed_integrated_gradients(AttributionSettings(ig_steps=128), f, S, LABELS)
    assert (found - by_hand).abs().max() < 0.05 * by_hand.abs().max()


def test_smoothgrad_is_the_mean_slope_of_noisy_copies(planted):
    f, S = planted.explained(planted.SmallNet().eval()), planted.spectra()
    X, settings = S.abs().log1p(), AttributionSettings(smoothgrad_samples=5, chunk=2)
    noise = torch.randn(5, *planted.shape, generator=torch.Generator().manual_seed(0))
    spread = 0.15 * (X[1].max() - X[1].min())
    each = [slopes(f, (X[1:2] + spread * n).clamp_min(0), S[1:2], LABELS[1:2]) for n in noise]
    expected = torch.stack(each).mean(dim=0).abs()
    torch.testing.assert_close(smoothgrad(settings, f, S, LABELS)[1:2], expected, rtol=1e-4, atol=1e-8)


def test_without_captum_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "captum", None)
    monkeypatch.setitem(__import__("sys").modules, "captum.attr", None)
    with pytest.raises(InputError, match=r'pip install "soundglass\[attribution\]"'):
        captum_attribution()
