"""Losses, metrics and gradients of both classifiers on small batches."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from configs.compose import compose
from datamodules.batch import Batch
from models.black_box import BlackBoxClassifier
from models.by_design import ByDesignClassifier
from models.classifier import metric_target
from models.component_classifier import squared_error

NAMES = ("a", "b", "c")


def build(kind, multi_label=False, *overrides):
    torch.manual_seed(0)
    config = compose([f"experiment=sound_scenes_{kind}", "backbone.width=4", *overrides])
    model = (ByDesignClassifier if kind == "by_design" else BlackBoxClassifier)(config, NAMES, multi_label)
    if kind == "by_design":
        atoms = torch.rand(model.front_end.n_bins, config.model.n_components)
        model.bottleneck.set_dictionary(atoms / atoms.norm(dim=0), torch.ones(config.model.n_components))
    model.log = lambda *args, **kwargs: None
    model.log_dict = lambda *args, **kwargs: None
    return model


def batch(n=4, multi_label=False, padded=False, seconds=0.5):
    generator = torch.Generator().manual_seed(1)
    samples = int(22050 * seconds)
    waveform = 2 * torch.rand(n, samples, generator=generator) - 1
    length = torch.full((n,), samples)
    if padded:
        length[0] = samples // 2
        waveform[0, samples // 2 :] = 0
    target = (torch.rand(n, 3, generator=generator) > 0.5).float() if multi_label else torch.arange(n) % 3
    observed = torch.rand(n, 3, generator=generator) > 0.3 if multi_label else None
    return Batch(waveform, length, target, torch.arange(n), observed)


@pytest.mark.parametrize("kind", ["by_design", "black_box"])
@pytest.mark.parametrize("multi_label", [False, True])
def test_a_step_gives_finite_gradients_everywhere(kind, multi_label):
    model = build(kind, multi_label)
    model.training_step(batch(multi_label=multi_label), 0)["loss"].backward()
    for name, parameter in model.named_parameters():
        if kind == "by_design" and name.startswith("backbone") and parameter.grad is None:
            continue
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_loss_terms_are_those_of_the_paper():
    model = build("by_design").eval()
    clips = batch(padded=True)
    analysis = model.analyse(clips.waveform, clips.length)
    output = model.respond(analysis)
    terms = model.loss_terms(output, analysis, clips)
    errors, activity = [], []
    for b in range(4):
        kept = int(analysis.n_steps[b])
        target = torch.log1p(analysis.spectrum[b, :, :kept].abs())
        rebuilt = model.bottleneck.dictionary @ output.activations[b, :, :kept]
        errors.append((target - rebuilt).square().flatten())
        activity.append(output.activations[b, :, :kept].flatten())
    torch.testing.assert_close(terms["reconstruction"], 5.0 * torch.cat(errors).mean())
    torch.testing.assert_close(terms["sparsity"], 0.02 * torch.cat(activity).mean())
    expected = torch.nn.functional.cross_entropy(output.logits, clips.target)
    torch.testing.assert_close(terms["classification"], expected)


def test_error_of_a_reconstruction_and_its_slopes_are_those_of_the_difference():
    random = torch.Generator().manual_seed(0)
    target, dictionary, activations = (
        torch.rand(shape, generator=random, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 7, 5), (7, 3), (2, 3, 5))
    )
    found = squared_error(target, dictionary, activations)
    expected = (target - dictionary @ activations).square().sum(dim=1, keepdim=True)
    torch.testing.assert_close(found, expected)
    given = (target, dictionary, activations)
    slopes = (torch.autograd.grad(error.sum(), given, retain_graph=True) for error in (found, expected))
    torch.testing.assert_close(*slopes)


def test_unknown_labels_change_neither_loss_nor_metric():
    model = build("black_box", multi_label=True).eval()
    clips = batch(64, multi_label=True)
    flipped = Batch(**vars(clips))
    flipped.target = torch.where(clips.observed, clips.target, 1 - clips.target)
    logits = torch.randn(64, 3)
    torch.testing.assert_close(model.classification_loss(logits, clips), model.classification_loss(logits, flipped))
    metric = model.new_metrics("x/")
    metric.update(logits, metric_target(clips))
    expected = np.mean(
        [
            average_precision_score(clips.target[clips.observed[:, c], c], logits[clips.observed[:, c], c])
            for c in range(3)
        ]
    )
    assert float(metric.compute()["x/map"]) == pytest.approx(expected, abs=1e-6)


def test_shares_of_the_gradient_add_up_to_one_and_leave_no_trace():
    model = build("by_design")
    logged = {}
    model.log_dict = lambda values, **kwargs: logged.update(values)
    output = model.training_step(batch(), 0)
    shares = {name: float(v) for name, v in logged.items() if "gradient_share" in name}
    assert set(shares) == {f"train/gradient_share/{t}" for t in ("classification", "reconstruction", "sparsity")}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert all(p.grad is None for p in model.parameters())
    output["loss"].backward()


def test_a_padded_clip_is_classified_as_the_clip_alone():
    for kind in ("by_design", "black_box"):
        model = build(kind).eval()
        clip = batch(1).waveform[:, : 512 * 16 - 1]
        padded = torch.nn.functional.pad(clip, (0, 8192))
        with torch.no_grad():
            alone, beside = model(clip), model(padded, torch.tensor([clip.shape[1]]))
        torch.testing.assert_close(alone, beside, rtol=1e-3, atol=2e-3)


def test_soft_targets_of_mixup_are_understood():
    model = build("black_box")
    clips = batch()
    hard = model.classification_loss(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), clips)
    clips.target = torch.nn.functional.one_hot(clips.target, 3).float()
    soft = model.classification_loss(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), clips)
    torch.testing.assert_close(hard, soft)


def test_audit_of_a_perfect_reconstruction():
    model = build("by_design").eval()
    logged = {}
    model.log_dict = lambda values, **kwargs: logged.update({k: v for k, v in values.items() if torch.is_tensor(v)})
    clips = batch(2)
    analysis = model.analyse(clips.waveform, clips.length)
    output = model.respond(analysis)
    model.front_end.log_magnitude = lambda spectrum: model.bottleneck.reconstruction(output.activations)
    model.audit(clips, analysis, output)
    assert float(logged["test/relative_error"]) == 0
    assert 0 <= float(logged["test/nmf_relative_error"]) < 0.5
    assert 0 <= float(logged["test/audible_share"]) <= 1
