"""The arithmetic of a step: that of the real steps, operation by operation, and nothing is changed by counting it."""

from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from configs.compose import compose
from configs.layers import experiments
from configs.registry import component
from models import gan_convolution

GIVEN = {
    "words_wavegan": ["model.width=2"],
    "words_ciwgan": ["model.width=2"],
    "words_fiwgan": ["model.width=2", "model.critic_steps=3"],
    "sound_scenes_spectrogram_gan": ["model.width=1", "model.frames=20", "front_end.n_mels=16"],
}


class Count(TorchDispatchMode):
    """Adds up the operations of what is really evaluated."""

    def __init__(self) -> None:
        super().__init__()
        self.flops: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if cost := flop_registry.get(func._overloadpacket):
            self.flops[str(func)] += cost(*args, **(kwargs or {}), out_val=out)
        return out


def module_of(*arguments):
    config = compose(list(arguments))
    torch.manual_seed(0)
    made = component("model", config.model.name).load()(config, tuple("abcdefghij"), False)
    optimizers = made.configure_optimizers()
    made.optimizers = lambda: optimizers
    made.manual_backward = lambda loss, **more: loss.backward(**more)
    return made


@pytest.mark.parametrize("experiment", GIVEN)
def test_the_count_is_that_of_the_steps_themselves(experiment, monkeypatch):
    monkeypatch.setattr(gan_convolution, "as_published", lambda maps: True)
    module = module_of(f"experiment={experiment}", "data.batch_size=3", *GIVEN[experiment])
    real = torch.randn(3, *module.sound.shape)
    with Count() as critic:
        module.critic_step(real)
    with Count() as generator:
        module.generator_step(3)
    once = module.settings.critic_steps * critic.flops.total() + generator.flops.total()
    assert module.step_flops() == once > 1e6


def test_counting_leaves_weights_gradients_and_random_streams_alone():
    module = module_of("experiment=words_ciwgan", "model.width=2")
    before, stream = {name: value.clone() for name, value in module.state_dict().items()}, torch.get_rng_state()
    module.step_flops()
    assert torch.equal(stream, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(weight.grad is None for weight in module.parameters())


def test_a_step_of_published_size_is_what_the_experiments_say():
    for kind, tera in (("wavegan", 7.59), ("ciwgan", 8.13), ("fiwgan", 8.13)):
        module = module_of(f"experiment=digits_{kind}", "data.root=x")
        assert module.step_flops() / 1e12 == pytest.approx(tera, abs=0.005)
        text = experiments()[f"digits_{kind}"].read_text()
        assert f"{tera} TFLOP" in text
