"""Sizes of the generators, and settings of other groups that they cannot be trained with."""

import pytest

from configs.compose import compose
from configs.errors import CommandError


def test_sizes():
    small, published = (
        compose(["experiment=words_ciwgan"]).model,
        compose(["experiment=digits_ciwgan", "data.root=x"]).model,
    )
    assert (small.channels, small.clip_samples) == (8, 4096)
    assert (published.channels, published.clip_samples) == (64, 16384)
    published_settings = (published.learning_rate, published.q_learning_rate, published.gradient_penalty)
    assert published_settings == (1e-4, 1e-4, 10)
    assert (published.critic_steps, published.phase_shuffle, published.latents) == (5, 2, 100)


@pytest.mark.parametrize("kind", ["wavegan", "ciwgan", "fiwgan"])
def test_digits_come_in_the_small_size_and_in_long_clips(kind):
    experiment = [f"experiment=digits_{kind}", "data.root=x"]
    small = [*experiment, "model.size=small", "data.seconds=0.512", "front_end.sample_rate=8000"]
    assert compose(small).model.clip_samples == 4096
    assert compose([*experiment, "model.n_samples=65536", "data.seconds=4.096"]).model.channels == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["data.seconds=1"],
            "makes clips of 4096 samples, data.seconds=1.0 at front_end.sample_rate=8000 has 8000: "
            "set data.seconds=0.512",
        ),
        (["data.seconds=none"], "data.seconds=None at front_end.sample_rate=8000 has None: set data.seconds=0.512"),
        (["front_end.sample_rate=16000"], "set data.seconds=0.256"),
        (["model.size=published"], "makes clips of 16384 samples"),
        (["model.n_samples=8192"], "there is a network for 4096, 16384, 32768, 65536"),
        (["trainer.gradient_clip=5"], "trainer.gradient_clip=5 must be 0"),
        (["trainer.devices=2"], "trains on one device"),
        (["trainer.precision=16-mixed"], "choose bf16-mixed"),
        (["augmentation.enabled=true"], "would learn the changes"),
        (["twin=true"], "model.name=ciwgan is none"),
        (["model.codes=1"], "model.codes=1 must be at least 2"),
        (["model.codes=20"], "model.codes=20 must be below model.latents=20"),
        (["model.learning_rate=0"], "model.learning_rate=0.0 must be above 0"),
        (["model.average=1"], "model.average=1.0 must be at least 0 and below 1"),
        (["data.passes=0"], "data.passes=0 must be at least 1"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(arguments, message):
    with pytest.raises(CommandError) as error:
        compose(["experiment=words_ciwgan", *arguments])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_bits_leave_room_for_latents():
    with pytest.raises(CommandError, match=r"model\.bits=4 must be below model\.latents=4"):
        compose(["experiment=words_fiwgan", "model.bits=4", "model.latents=4"])
