"""What the instruments hand to the report survives the way through the run folder, whatever clips are called."""

import dataclasses

import numpy as np
import pytest

from configs.errors import InputError
from report import explained
from report.explained import Excerpt, ExplainedClasses, ExplainedClip, ExplainedModel

NAMES = ("dog", 'a "quoted" <b>class</b>', "\u202eשלום", "rain")


def model(**changes) -> ExplainedModel:
    rng = np.random.default_rng(0)
    values = {
        "experiment": "demo",
        "run_id": "one",
        "class_names": NAMES,
        "multi_label": False,
        "front_end": {"sample_rate": 22050, "n_fft": 1024, "hop_length": 512, "f_max": None},
        "dictionary": rng.random((513, 5)).astype(np.float32),
        "scale": np.ones(5, np.float32),
        "weight": rng.standard_normal((4, 1, 5)).astype(np.float32),
        "prior": None,
        "pooling": "max",
        "statistic_names": ("maximum",),
    }
    return ExplainedModel(**(values | changes))


def clip(name="clip", **changes) -> ExplainedClip:
    rng = np.random.default_rng(1)
    values = {
        "split": "val",
        "waveform": rng.uniform(-1, 1, 5120).astype(np.float32),
        "activations": rng.random((5, 11)).astype(np.float32),
        "logits": rng.standard_normal(4).astype(np.float32),
        "target": (np.int64(1),),
        "n_frames": 11,
    }
    return ExplainedClip(name=name, **(values | changes))


def assert_same(a, b) -> None:
    assert type(a) is type(b)
    for field in dataclasses.fields(a):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right)
        elif isinstance(left, dict) and any(isinstance(v, np.ndarray) for v in left.values()):
            assert left.keys() == right.keys()
            for key in left:
                np.testing.assert_array_equal(left[key], right[key])
        elif left and isinstance(left, tuple) and dataclasses.is_dataclass(left[0]):
            for x, y in zip(left, right, strict=True):
                assert_same(x, y)
        else:
            assert left == right, field.name


def test_model_comes_back_as_it_was(tmp_path):
    attention = {"value.weight": np.ones((3, 5, 1), np.float32), "score.bias": np.zeros(1, np.float32)}
    for stored in (model(), model(prior=np.arange(4, dtype=np.float32), pooling="attention", attention=attention)):
        assert_same(explained.load_model(explained.save_model(tmp_path, stored)), stored)


@pytest.mark.parametrize("name", ["a/b.wav", '"><script>alert(1)</script>.wav', "\u202eשלום.wav", "x" * 300, "", ".."])
def test_clip_of_any_name_comes_back(tmp_path, name):
    stored = clip(name, note="mixed down", windows=((0, 6), (6, 11)))
    path = explained.save_clip(tmp_path, stored)
    assert path.parent == tmp_path / "media" / "listening" / "clips"
    assert_same(explained.load_clip(path), stored)


def test_names_that_read_alike_get_files_of_their_own(tmp_path):
    paths = {explained.save_clip(tmp_path, clip(name)) for name in ("a b", "a-b", "A b", "a/b")}
    assert len(paths) == 4


def test_classes_come_back_with_excerpts_of_their_own_length(tmp_path):
    relevance = np.full((4, 5), np.nan, np.float32)
    typical = (Excerpt(0, "a", 0.5, np.ones(7, np.float32)), Excerpt(3, "<b>", 0.0, np.zeros(4, np.float32)))
    stored = ExplainedClasses(relevance, np.array([1, 0, 2, 3]), typical=typical, accuracy=np.ones(4, np.float32))
    assert_same(explained.load_classes(explained.save_classes(tmp_path, stored)), stored)


def test_run_without_explanations_is_empty_and_explained_twice_counts_once(tmp_path):
    assert explained.load_explanations(tmp_path).model is None
    explained.save_model(tmp_path, model())
    for logits in (np.zeros(4), np.ones(4)):
        explained.save_clip(tmp_path, clip(logits=logits))
    loaded = explained.load_explanations(tmp_path)
    assert len(loaded.clips) == 1
    assert loaded.clips[0].logits.tolist() == [1.0] * 4


def test_damaged_file_is_named(tmp_path):
    path = explained.save_clip(tmp_path, clip())
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=path.name):
        explained.load_clip(path)


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="weight"):
        model(pooling="statistics", statistic_names=("a", "b"))
    with pytest.raises(ValueError, match="pooling"):
        model(pooling="median")


def test_scores_of_attention_from_maps_cannot_be_recomputed():
    assert model().can_rescore
    assert not model(pooling="attention", attention_from="maps").can_rescore
