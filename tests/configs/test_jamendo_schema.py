"""Settings of the singing-voice network that do not fit together are named with what would."""

import pytest

from configs.compose import compose
from configs.errors import CommandError

PAPER = ["experiment=jamendo_singing_voice", "data.root=x"]


def test_the_experiment_is_the_published_recipe() -> None:
    config = compose(PAPER)
    front_end, model, trainer = config.front_end, config.model, config.trainer
    assert (front_end.sample_rate, front_end.n_fft, front_end.hop_length, front_end.n_mels) == (22050, 1024, 315, 80)
    assert (front_end.f_min, front_end.f_max, front_end.features) == (27.5, 8000, "ln_mel")
    assert (model.learning_rate, model.momentum, model.decay) == (0.01, 0.95, 0.85)  # type: ignore[attr-defined]
    assert (model.stretch, model.pitch_shift, model.filter_db) == (0.3, 0.3, 10)  # type: ignore[attr-defined]
    assert (trainer.max_epochs, trainer.limit_train_batches, config.data.batch_size) == (20, 2000, 32)
    assert model.frames_needed == 164  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("front_end.hop_length=512", r"data.frame_rate=70 needs front_end.hop_length=315"),
        ("front_end.features=log_mel", "needs front_end.features=ln_mel, not log_mel"),
        ("front_end.normalize=peak", "set front_end.normalize=none"),
        ("front_end.n_mels=20", "needs front_end.n_mels of at least 25, got 20"),
        ("data.seconds=1.7", r"gives 120 frames, 164 are needed: set it to 2\.3"),
        ("data.seconds=null", "needs data.seconds"),
        ("augmentation.enabled=true", "set it to false"),
        ("backbone.name=small_cnn", "needs backbone.name=singing_voice, not small_cnn"),
        ("model.outputs=3", "model.outputs=3 must be 1 or 2"),
        ("backbone.width=7", "backbone.width=7 must be even"),
        ("twin=true", "is a black box"),
        ("model.stretch=1.0", "model.stretch=1.0 must be"),
        ("data.train_step=0", "data.train_step=0 must be at least 1"),
    ],
)
def test_settings_that_do_not_fit_are_named(given: str, said: str) -> None:
    with pytest.raises(CommandError, match=said) as error:
        compose([*PAPER, given])
    assert "\n" not in str(error.value)


def test_excerpts_without_changes_of_tempo_may_be_shorter() -> None:
    assert compose([*PAPER, "model.stretch=0", "data.seconds=1.63"]).data.seconds == 1.63
