"""Every experiment that ships builds its model, classifies a clip and starts to learn."""

from pathlib import Path

import pytest
import torch

from configs.compose import compose
from configs.registry import component
from datamodules.batch import Batch
from models.gan_generators import GeneratorTraining
from models.gan_training import AdversarialTraining

EXPERIMENTS = sorted(path.stem for path in (Path(__file__).parents[1] / "configs" / "experiment").glob("*.yaml"))
NAMES = ("a", "b", "c")


def explained_box(experiment, untrained_run):
    """An untrained run such as the experiment explains."""
    settings = {"front_end.n_mels": 64}
    if "paper" in experiment:
        settings = {"experiment": "esc50_paper", "data.root": "x", "front_end.n_mels": 128, "backbone.name": "vgg"}
    return untrained_run(class_names=NAMES, **{"model.name": "black_box", "data.seconds": 5}, **settings)


def check_generator(model, batch):
    """Critic and generator both make a step, and what comes out is a clip."""
    optimizers = model.configure_optimizers()
    model.optimizers = lambda: optimizers
    model.manual_backward = lambda loss, **more: loss.backward(**more)
    networks = (model.critic, model.generator)
    before = [torch.cat([p.detach().flatten() for p in network.parameters()]) for network in networks]
    output = model.training_step(batch, 0)
    assert all(torch.isfinite(term) for term in output["terms"].values())
    after = [torch.cat([p.detach().flatten() for p in network.parameters()]) for network in networks]
    assert not any(torch.equal(one, two) for one, two in zip(before, after, strict=True))
    assert model.eval()(*model.example_inputs()).shape == (1, *model.sound.shape)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_model_of_every_experiment_builds_and_learns(experiment, tmp_path, untrained_run):
    arguments = [f"experiment={experiment}"] + ["data.root=x"] * ("scenes" not in experiment)
    if "post_hoc" in experiment or "lmac" in experiment:
        arguments.append(f"model.explains={explained_box(experiment, untrained_run)}")
    if any(word in experiment for word in ("self_supervised", "frozen", "_ast_")):
        arguments.append("backbone.weights=RUN")  # read when the run is prepared
    if "_ast_" in experiment:
        pytest.importorskip("transformers")
        arguments += ["backbone.width=48", "backbone.layers=3", "backbone.heads=2"]
    if "gan" in experiment:
        arguments += ["model.width=2", "model.critic_steps=1"]
    config = compose(arguments)
    multi_label = bool(getattr(config.data, "multi_label", False))
    names = NAMES[:2] if config.model.name == "singing_voice" else NAMES
    torch.manual_seed(0)
    model = component("model", config.model.name).load()(config, names, multi_label)
    model.log = lambda *args, **kwargs: None
    model.log_dict = lambda *args, **kwargs: None
    n = round((config.data.seconds or 5.0) * config.front_end.sample_rate)
    target = torch.tensor([[1.0, 0, 1], [0, 1, 0]]) if multi_label else torch.tensor([0, len(names) - 1])
    batch = Batch(torch.rand(2, n) - 0.5, torch.full((2,), n), target, torch.arange(2))
    if isinstance(model, AdversarialTraining):
        check_generator(model, batch)
        return
    output = model.training_step(batch, 0)
    output["loss"].backward()
    assert all(torch.isfinite(term) for term in output["terms"].values())
    if isinstance(model, GeneratorTraining):
        assert all(p.grad is not None for network in (model.generator, model.encoder) for p in network.parameters())
        return
    first = getattr(model, "backbone", model)
    if "post_hoc" in experiment or "lmac" in experiment:
        first = getattr(model, "bottleneck", model).decoder
    if getattr(config.backbone, "frozen", False):
        first = getattr(model, "bottleneck", None) or model.head
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in first.parameters())
    assert model.eval()(batch.waveform).shape == (2, len(names))
