"""What `explain.py what=generations` searches with: the run's callback, and what the command line says."""

from types import SimpleNamespace

import pytest

from callbacks.explain_generations import given_settings, search_settings
from callbacks.explain_units import dissection_settings
from callbacks.generation_grid import paper_settings
from configs.compose import compose
from configs.errors import CommandError
from configs.explain_schema import ExplainConfig
from configs.script_line import script_settings

OWN = {"latents": 4, "snapshots": [2, 4], "units": ["siren", "bird"], "independent": "judge", "prior": "principal"}
STORED = [f"callbacks.explanation_fid.generation.{key}={value}".replace("'", "") for key, value in OWN.items()]


@pytest.fixture
def stored():
    return compose(STORED).callbacks


def typed(*words):
    return script_settings(ExplainConfig, "", ["run=a", "what=generations", *words])


def test_what_is_left_out_is_as_in_the_callback_of_the_run(stored):
    found = search_settings(stored, typed())
    assert {name: getattr(found, name) for name in OWN} == OWN


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["generation.latents=16", "generation.snapshots=[15,30,60]"], {"latents": 16, "snapshots": [15, 30, 60]}),
        (["units=[]"], {"units": []}),
        (["generation.units=[]"], {"units": []}),
        (["independent=none"], {"independent": None}),
        (["generation.independent=none"], {"independent": None}),
        (["prior=none"], {"prior": "none"}),
        (["generation.prior=none"], {"prior": "none"}),
        (["units=[dog]", "generation.units=[]"], {"units": ["dog"]}),  # the short key is the stronger one
        (["aim=none", "n_clips=none"], {"aim": "maximise", "n_clips": 400}),
    ],
)
def test_what_is_typed_counts_also_at_its_default(stored, words, wanted):
    found = search_settings(stored, typed(*words))
    assert {name: getattr(found, name) for name in OWN | wanted} == OWN | wanted


def test_numbers_that_are_typed_stay_in_the_grid_of_the_paper(stored):
    words = typed("grid=paper", "generation.latents=16")
    found = paper_settings(search_settings(stored, words), SimpleNamespace(), given_settings(words))
    assert (found.latents, found.snapshots, found.units) == (16, [100, 500, 1000], ["siren", "bird"])
    words = typed("grid=paper", "generation.keep=band")
    with pytest.raises(CommandError, match=r"generation\.keep=band: grid=paper sets it to best"):
        paper_settings(search_settings(stored, words), SimpleNamespace(), given_settings(words))


def test_the_source_of_concepts_that_is_typed_counts_also_at_its_default():
    run = SimpleNamespace(config=compose(["callbacks.dissection.source.names=esc50"]))
    assert dissection_settings(run, typed("source.timeout=5")).source.names == "esc50"
    assert dissection_settings(run, typed("source.names=''")).source.names == ""


@pytest.mark.parametrize(
    ("word", "near"), [("frame", "frames"), ("princpal", "principal"), ("Spectral", "spectral"), ("inptu", "input")]
)
def test_a_misspelt_prior_is_named_with_its_key_before_anything_is_opened(word, near):
    said = f"={word}: neither a run folder nor one of spectral, principal, frames, input, did you mean '{near}'?"
    for key in ("prior", "generation.prior"):
        with pytest.raises(CommandError) as error:
            typed(f"{key}={word}")
        assert str(error.value) == key + said
    with pytest.raises(CommandError) as error:
        compose([f"callbacks.explanation_fid.generation.prior={word}"])
    assert str(error.value) == f"callbacks.explanation_fid.generation.prior{said}"


def test_a_folder_is_no_misspelt_prior(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frame").mkdir()
    stored = compose(["callbacks.explanation_fid.generation.prior=frame"])
    assert search_settings(stored.callbacks, typed("prior=runs/frame")).prior == "runs/frame"  # looked for when opened


def test_a_problem_is_told_once_with_its_own_key():
    with pytest.raises(CommandError) as error:
        typed("generation.lr=[nan]", "source.timeout=0")
    assert sorted(str(error.value).split("; ")) == [
        "generation.lr=[nan] must be above 0", "source.timeout=0.0 must be above 0",
    ]  # fmt: skip
    with pytest.raises(CommandError) as error:
        compose(["callbacks.explanation_fid.generation.lr=[nan]"])
    assert str(error.value) == "callbacks.explanation_fid.generation.lr=[nan] must be above 0"
