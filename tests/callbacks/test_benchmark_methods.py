"""Rows of the benchmark: each has a name of its own."""

import pytest

from callbacks.benchmark_blocks import blocks_of
from callbacks.benchmark_methods import methods_of
from configs.benchmark_schema import ExplanationsBenchmark
from configs.errors import InputError
from models.run_loading import load_run


def test_interpreters_of_one_classifier_are_told_apart_or_refused(untrained_run):
    black = untrained_run("a", **{"model.name": "black_box"})
    asked = {"model.name": "post_hoc", "model.explains": str(black)}
    plain = load_run(untrained_run("plain", **asked))
    trained = load_run(untrained_run("masks", **asked, **{"model.masking_weight": 1.0}))
    again = load_run(untrained_run("again", **asked, seed=1))
    settings = ExplanationsBenchmark(run=str(black), methods=["saliency"])

    (block,) = blocks_of(black, [plain, trained], [], False, "cpu")
    names = [method.name for method in methods_of(block, settings)]
    assert len(set(names)) == len(names)
    assert {"post_hoc_attention_selected", "post_hoc_attention_masking_selected", "saliency"} <= set(names)

    (block,) = blocks_of(black, [plain, again], [], False, "cpu")
    with pytest.raises(InputError, match="two runs explain it in the same way"):
        methods_of(block, settings)
