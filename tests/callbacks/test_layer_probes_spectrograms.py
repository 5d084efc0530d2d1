"""Layer probes of generators of spectrograms: a whole training of each kind, the command, and the pages."""

import json
import math
from pathlib import Path

import pytest
import torch

from callbacks.layer_probes_moves import moves_of
from callbacks.layer_probes_subject import latents_input, network_of, subject_of, untrained_twin
from configs.compose import compose
from configs.errors import InputError
from explain import main as explain
from interpretability.layers.sounding_generator import SoundingGenerator
from tests.models.test_spectrogram_training import KINDS, arguments, model
from train import train

LAYERS = [f"generator.relu{number}" for number in range(1, 5)]
ON = (
    *("callbacks.layer_probes.enabled=true", "callbacks.layer_probes.on_error=raise", "callbacks.layer_probes.shown=1"),
    *("callbacks.layer_probes.n_clips=16", "callbacks.layer_probes.bases=8", "callbacks.layer_probes.moved=[1]"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_activation_is_found_with_its_clock_and_the_untrained_one_is_another(kind):
    one = model(kind)
    subject = subject_of(one, [])
    assert subject.kind == "generator"
    assert list(subject.layers) == LAYERS
    hop = one.config.front_end.hop_length
    assert [float(clock.jump) / hop for clock in subject.clocks.values()] == [8, 4, 2, 1]
    assert "by a vocoder (pseudo-inverse of the bands, Griffin-Lim, 8 iterations)" in subject.notes[0]
    given = latents_input(one, 4)
    twin = network_of(untrained_twin(one, given))
    assert isinstance(twin, SoundingGenerator)
    sounds = [network(given.given) for network in (subject.network, twin)]
    assert sounds[0].shape == (4, one.n_samples)
    assert not torch.allclose(*sounds)


def test_a_latent_goes_over_two_deviations_of_its_prior():
    (move,) = moves_of(model("vae"), 8, [3])
    assert (move.name, move.latents, move.latent_range) == ("latent 3", (3,), (-2.0, 2.0))
    assert move.path[[0, -1], 0].tolist() == [-2, 2]
    assert move.others == (0, 1, 2, 3)


def test_layers_that_do_not_exist_are_said_with_the_nearest():
    with pytest.raises(InputError, match=r"did you mean 'generator\.relu2'"):
        subject_of(model("gan"), ["generator.rely2"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_probes_its_layers_and_the_command_those_of_a_run(kind, tmp_path, capsys):
    run = Path(train(compose([*arguments(kind, tmp_path / "out", tmp_path / "cache"), *ON]))["run"])
    assert (run / "layers" / "epoch_0001.json").is_file()
    end = json.loads((run / "layers" / "end.json").read_text())
    assert [layer["name"] for layer in end["layers"]] == LAYERS
    assert all(end[part] for part in ("carried", "probes", "moved", "control", "shown", "notes"))
    assert list(end["derivative"]["strength"]) == LAYERS
    assert end["derivative"]["note"] == "Derivatives end at the layers: the sound is vocoded, and has none."
    (one,) = end["moved"]
    assert one["name"] == "latent 1"
    assert [layer["layer"] for layer in one["layers"]] == [*LAYERS, "sound"]
    assert all(math.isfinite(layer["against_random"][0]) for layer in one["layers"])
    pages = {
        name: (run / "report" / f"{name}.html").read_text() for name in ("layers", "layers_moved", "layers_causes")
    }
    assert "by a vocoder" in pages["layers"]
    assert "Derivatives end at the layers" in pages["layers_causes"]
    assert (run / "media" / "layers" / end["shown"][0]["file"]).is_file()
    metrics = (run / "metrics.csv").read_text()
    assert "layer_probes/intensity/generator.relu4" in metrics
    other = tmp_path / "other"
    capsys.readouterr()
    assert explain([f"run={run}", "what=layers", f"output={other}", "layers=[generator.relu3]"]) == 0
    assert "The generator makes spectrograms." in capsys.readouterr().out
    again = json.loads((other / "layers" / "end.json").read_text())
    assert [layer["name"] for layer in again["layers"]] == ["generator.relu3"]
    assert (other / "report" / "layers.html").is_file()
    assert explain([f"run={run}", "what=layers", "overwrite=true", "audio=x.wav"]) == 1
    assert "a generator hears nothing" in capsys.readouterr().err
