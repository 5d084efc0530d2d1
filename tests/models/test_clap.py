"""CLAP on small random weights that the test writes: its vectors against the package's own, rates, windows, scores."""

import json
import sys

import numpy as np
import pytest
import torch
from torchaudio.functional import resample

from configs.concept_schema import ConceptSourceConfig
from configs.errors import InputError
from interpretability.dissection.concept_lists import concept_list
from interpretability.dissection.probe_set import WaveformProbes
from models.clap import TEMPLATES, Clap, clap_concepts, vectors_in
from models.concept_sources import concepts_from

RATE = 48_000


def test_without_the_package_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r'pip install "soundglass\[clap\]"'):
        Clap(tmp_path)


def test_vectors_bare_or_in_an_output():
    class Output:
        pooler_output = torch.ones(2, 3)

    assert vectors_in(torch.zeros(1)).tolist() == [0.0]
    assert vectors_in(Output()).shape == (2, 3)


@pytest.fixture(scope="session")
def transformers():
    return pytest.importorskip("transformers", reason='needs pip install "soundglass[clap]"')


@pytest.fixture(scope="session")
def folder(transformers, tmp_path_factory):
    """A checkpoint of the shape of the published one, but small."""
    path = tmp_path_factory.mktemp("clap")
    torch.manual_seed(0)
    letters = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", *"abcdefghijklmnopqrstuvwxyz"]
    (path / "vocab.json").write_text(json.dumps({letter: i for i, letter in enumerate(letters)}))
    (path / "merges.txt").write_text("#version: 0.2\n")
    transformers.RobertaTokenizer(str(path / "vocab.json"), str(path / "merges.txt")).save_pretrained(path)
    transformers.ClapFeatureExtractor(
        feature_size=16, sampling_rate=RATE, max_length_s=2, truncation="rand_trunc", padding="repeatpad"
    ).save_pretrained(path)
    audio = {"spec_size": 64, "num_mel_bins": 16, "patch_embeds_hidden_size": 8, "hidden_size": 16, "depths": [1, 1]}
    audio |= {"num_attention_heads": [2, 2], "window_size": 4, "num_hidden_layers": 2, "projection_dim": 12}
    text = {"vocab_size": len(letters), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text |= {"intermediate_size": 32, "max_position_embeddings": 80, "projection_dim": 12}
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=12)
    model = transformers.ClapModel(config)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(0.2 * torch.randn_like(weights))
    model.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def clap(folder):
    return Clap(folder)


def tone(hertz, seconds=1.0, rate=RATE):
    return torch.sin(2 * torch.pi * hertz * torch.arange(int(seconds * rate)) / rate)


def test_vectors_are_those_of_the_package(transformers, folder, clap):
    model = transformers.ClapModel.from_pretrained(folder, local_files_only=True).eval()
    extractor = transformers.ClapFeatureExtractor.from_pretrained(folder)
    waveform = tone(440)
    inputs = extractor(waveform.numpy(), sampling_rate=RATE, return_tensors="pt")
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        ["a dog", "rain on a roof"], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        whole = model(**inputs, **{name: tokens[name] for name in ("input_ids", "attention_mask")})
    torch.testing.assert_close(clap.embed_audio(waveform, RATE), whole.audio_embeds[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(clap.embed_text(["a dog", "rain on a roof"]), whole.text_embeds, rtol=1e-4, atol=1e-5)
    assert clap.embed_audio(waveform, RATE).norm() == pytest.approx(1, abs=1e-5)
    assert not clap.model.training
    assert clap.id.startswith("clap-")


def test_names_are_embedded_in_several_sentences(clap):
    rows = clap.embed_text([template.format("door wood knock") for template in TEMPLATES])
    expected = torch.nn.functional.normalize(rows.mean(dim=0), dim=0)
    torch.testing.assert_close(clap.embed_concepts(["dog", "door_wood_knock"])[1], expected, rtol=1e-4, atol=1e-5)


def test_another_rate_is_resampled_or_refused(folder, clap):
    low = tone(440, rate=16_000)
    expected = clap.embed_audio(resample(low, 16_000, RATE), RATE)
    torch.testing.assert_close(clap.embed_audio(low, 16_000), expected)
    assert (clap.embed_audio(low, RATE) - expected).norm() > 1e-2  # a third of the length, three times the pitch
    with pytest.raises(InputError, match="the clips are at 16000 Hz, the model hears 48000 Hz"):
        Clap(folder, resample_input=False).embed_audio(low, 16_000)


def test_long_clips_are_read_in_windows_without_a_draw(clap):
    first, second = tone(300, 2.0), tone(3000, 2.0)
    state = np.random.get_state()[1].copy()
    found = clap.embed_audio(torch.cat([first, second, tone(800, 0.5)]), RATE)
    expected = torch.nn.functional.normalize(clap.embed_audio(first, RATE) + clap.embed_audio(second, RATE), dim=0)
    torch.testing.assert_close(found, expected)
    assert [len(part) for part in clap.windows(torch.zeros(5 * RATE))] == [2 * RATE, 2 * RATE, RATE]
    assert [len(part) for part in clap.windows(torch.zeros(100))] == [100]
    assert np.array_equal(np.random.get_state()[1], state)


def probes(rate=RATE):
    return WaveformProbes(
        [tone(hertz, 0.5 + i / 10, rate) for i, hertz in enumerate((200, 900, 4000))], rate, batch_size=2
    )


def test_scores_of_concepts(clap):
    names = ("dog", "rain", "bell")
    clips = clap.embed_probes(probes())
    torch.testing.assert_close(clips[1], clap.embed_audio(tone(900, 0.6), RATE))
    raw = clap_concepts(clap, probes(), names, centred=False)
    torch.testing.assert_close(raw.scores, clips @ clap.embed_concepts(names).T)
    z = clap_concepts(clap, probes(), names, audio=clips)
    expected = (raw.scores.double().numpy() - raw.scores.double().numpy().mean(0)) / raw.scores.double().numpy().std(0)
    assert z.scores.numpy() == pytest.approx(expected, abs=1e-3)
    assert (z.kind, z.source, z.names) == ("score", "clap", names)


def test_scores_are_asked_once(folder, tmp_path, monkeypatch):
    settings = ConceptSourceConfig(clap=str(folder), names="gtzan")
    found = concepts_from("clap", probes(), ("dog",), settings, tmp_path / "cache")
    assert found.names == concept_list("gtzan")
    monkeypatch.setattr(Clap, "embed_probes", lambda *_: pytest.fail("the clips are embedded again"))
    again = concepts_from("clap", probes(), ("dog",), settings, tmp_path / "cache")
    assert again.fingerprint == found.fingerprint


class Share:
    """The first batch of a probe set, as one process of several has it."""

    def __init__(self, whole):
        self.whole, self.names, self.sample_rate = whole, whole.names, whole.sample_rate

    def batches(self):
        yield next(self.whole.batches())


def test_a_share_of_the_clips_is_refused(clap):
    with pytest.raises(InputError, match="2 of 3 clips are in this process"):
        clap.embed_probes(Share(probes()))


def test_folders_that_cannot_be_used(folder, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        Clap(tmp_path / "other")
    with pytest.raises(InputError, match=r"no readable config\.json"):
        Clap(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="model_type 'bert', expected 'clap'"):
        Clap(tmp_path)
    facts = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="cannot be loaded"):
        Clap(tmp_path)
    facts["audio_config"]["enable_fusion"] = True
    (tmp_path / "config.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="a checkpoint with fusion"):
        Clap(tmp_path)
