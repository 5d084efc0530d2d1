"""Names of components from component_names.json."""

import json

import numpy as np

from report.component_names import FILE, dictionary_hash, read_names

W = np.random.default_rng(0).random((5, 3)).astype(np.float32)


def test_names_of_this_dictionary_are_read(tmp_path):
    content = {"dictionary": dictionary_hash(W), "names": {"2": " hum ", "7": "no such component", "0": ""}}
    (tmp_path / FILE).write_text(json.dumps(content))
    assert read_names(tmp_path, W) == ({2: "hum"}, "")


def test_names_of_another_dictionary_are_left_out(tmp_path):
    (tmp_path / FILE).write_text(json.dumps({"dictionary": dictionary_hash(W + 1), "names": {"2": "hum"}}))
    names, sentence = read_names(tmp_path, W)
    assert names == {}
    assert "another dictionary" in sentence


def test_damaged_or_missing_file(tmp_path):
    assert read_names(tmp_path, W) == ({}, "")
    for content in ("{", "[]", '{"names": {"x": "hum"}}', '{"names": 3}'):
        (tmp_path / FILE).write_text(content)
        names, sentence = read_names(tmp_path, W)
        assert names == {}
        assert "cannot be read" in sentence
