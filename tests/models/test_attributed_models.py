"""Attribution methods on the classifiers themselves: through the front end, the mel filterbank and the components."""

import time

import pytest
import torch
from torch import nn

from interpretability.attribution.grad_cam import deepest_layer
from interpretability.attribution.methods import ATTRIBUTION_METHODS, attribution_methods
from interpretability.attribution.settings import AttributionSettings
from models.explained import explained_classifier, from_module
from models.run_loading import load_run

N = 22050


def clips(n):
    return 0.1 * torch.randn(n, N, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", ["by_design", "black_box"])
def test_every_method_explains_a_classifier_of_ours_and_leaves_no_trace(untrained_run, kind):
    model = load_run(untrained_run(**{"model.name": kind})).model
    model.train()
    f = explained_classifier(model)
    spectrum, labels = f.analyse(clips(3)), torch.tensor([0, 2, 1])
    assert deepest_layer(f, spectrum[:1]) == "backbone.blocks.2"
    small = AttributionSettings(ig_steps=4, smoothgrad_samples=3, occlusion_patches=6, shap_patches=4, shap_samples=8)
    for name, explain in attribution_methods(small).items():
        state = torch.random.get_rng_state()
        found = explain(f, spectrum, labels)
        single = torch.cat([explain(f, spectrum[i : i + 1], labels[i : i + 1]) for i in range(3)])
        assert (found - single).abs().max() <= 1e-5 * max(single.abs().max(), 1e-6), name
        assert found.shape == spectrum.shape, name
        assert found.min() >= 0, name
        assert found.max() > 0, name
        assert all(part.training for part in model.modules()), name
        assert all(p.grad is None for p in model.parameters()), name
        assert torch.equal(torch.random.get_rng_state(), state), name


class Foreign(nn.Module):
    """Hears waveforms; its maps lie time before frequency."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.relu, self.head = nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(inplace=True), nn.Linear(3, 2)

    def forward(self, waveform):
        spectrum = torch.stft(waveform, 512, 256, window=torch.hann_window(512), return_complex=True)
        maps = self.relu(self.conv((spectrum.abs() + 1e-6).log1p().transpose(1, 2)[:, None]))
        return self.head(maps.mean(dim=(2, 3)))


def test_every_method_explains_a_module_of_others(untrained_run):
    front_end = load_run(untrained_run(**{"model.name": "black_box"})).model.front_end
    module = Foreign()
    f = from_module(module, front_end, ("a", "b"), outputs="logits")
    spectrum, labels = f.analyse(clips(2)), torch.tensor([0, 1])
    small = AttributionSettings(ig_steps=4, smoothgrad_samples=3, occlusion_patches=6, shap_patches=4, shap_samples=8)
    for name, explain in attribution_methods(small).items():
        found = explain(f, spectrum, labels)
        assert found.shape == spectrum.shape, name
        assert found.isfinite().all(), name
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.slow
def test_all_methods_together_take_less_than_two_seconds_a_clip(untrained_run):
    settings = {"model.name": "black_box", "data.seconds": 5, "front_end.n_mels": 64, "backbone.width": 16}
    f = explained_classifier(load_run(untrained_run(**settings)).model)
    spectrum = f.analyse(0.1 * torch.randn(2, 5 * N))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for explain in ATTRIBUTION_METHODS.values():
            explain(f, spectrum[:1], torch.tensor([0]))
        started = time.process_time()  # of this process: other work on the machine does not count
        for explain in ATTRIBUTION_METHODS.values():
            explain(f, spectrum, torch.tensor([0, 1]))
        assert (time.process_time() - started) / 2 < 2.0
    finally:
        torch.set_num_threads(threads)
