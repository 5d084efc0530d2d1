"""What `explain.py what=generations` and its example in Python give for a run."""

import csv
import dataclasses
from pathlib import Path

import pytest
import torch

from callbacks import generation_ground
from callbacks.generation_search import open_search
from configs.compose import compose
from configs.errors import InputError
from datamodules.sound_scenes import SoundScenes
from explain import main
from report.generations_file import load_points

SETTINGS = {"seconds": "0.4", "latents": "3", "snapshots": "[1,2]", "vocoder_iterations": "2", "shown": "1"}
SETTINGS |= {"lr": "[0.3]", "transform": "[0.0]", "class_share": "1.0"}


@pytest.fixture
def run(untrained_run, tmp_path):
    given = {"data.n_train": 32, "data.n_val": 40, "data.n_test": 10, "data.seconds": 1}
    given |= {"data.cache_dir": str(tmp_path / "cache")}
    config = compose([f"{key}={value}" for key, value in given.items()])
    return untrained_run(class_names=SoundScenes(config.data, config.front_end.sample_rate).class_names, **given)


def explain(run, *more):
    settings = [f"generation.{key}={value}" for key, value in SETTINGS.items()]
    return main([f"run={run}", "what=generations", "report=false", *settings, *more])


def test_the_command_line(run, capsys):
    assert explain(run, "units=[voice,head:3]", "aim=maximise") == 0
    printed = capsys.readouterr().out
    assert "prior: untrained: mean spectrum of" in printed
    assert "judge: skipped" in printed
    assert "voice, maximise: kernel distance" in printed
    point = load_points(run)[0]
    assert point.end
    assert point.units[0]["name"] == "voice"
    with (run / "generations" / "lanes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * (2 + 1)  # two snapshots, and what was not searched
    assert sum(row["chosen"] == "True" for row in rows) == 2
    assert all(row["reference_n"].isdigit() for row in rows)
    assert not any(row["frechet_infinity"] for row in rows)  # of three sounds
    assert (run / "generations" / "features.pt").is_file()
    assert explain(run) == 2
    assert "overwrite=true" in capsys.readouterr().err


def test_components_of_training_excerpts_as_a_prior(run, capsys):
    assert explain(run, "units=[voice]", "prior=principal") == 0
    printed = capsys.readouterr().out
    # 32 training clips of 1 s have four excerpts of 0.4 s each, and a component needs four excerpts.
    assert "prior: untrained: 32 principal components of training excerpts" in printed
    with (run / "generations" / "lanes.csv").open() as file:
        rows = list(csv.DictReader(file))
    shares = [float(row["share_of_way"]) for row in rows if row["share_of_way"]]
    assert len(shares) == len(rows)
    assert float(rows[-1]["share_of_way"]) == pytest.approx(1)  # what was not searched


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ("units=[vioce]", 1, "units: class 'vioce': the network has no such class, did you mean 'voice'"),
        ("units=[head:99]", 1, "units: layer 'output' has units"),
        ("prior=nowhere", 2, "prior=nowhere: neither a run folder nor one of spectral, principal, frames, input\n"),
        ("prior=framez", 2, "principal, frames, input, did you mean 'frames'?"),
        ("prior=.", 2, "prior: .: not a run folder"),
        ("independent=nowhere", 2, "independent: nowhere: not a run folder"),
        ("generation.latents=1", 2, "generation.latents=1 must be at least 3"),
        ("generation.least=50", 1, "and 50 are needed"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(run, capsys, more, code, said):
    assert explain(run, *(["units=[voice]"] if "units" not in more else []), more) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_references_are_checked_before_a_prior_is_learned(run, capsys, monkeypatch):
    def learn(*args, **more):
        raise AssertionError("a prior is learned")

    monkeypatch.setattr("callbacks.generation_priors.FramePrior", learn)
    assert explain(run, "units=[voice]", "prior=frames", "generation.least=50") == 1
    assert "and 50 are needed" in capsys.readouterr().err
    assert explain(run, "units=[voice,bell]", "prior=frames", "generation.least=50") == 1
    assert "none of 2 units has enough; voice: " in capsys.readouterr().err


def test_the_explained_run_is_no_judge_of_itself(run, untrained_run, capsys):
    assert explain(run, "units=[voice]", f"independent={run}") == 1
    said = f"error: independent={run}: it has the weights of the network that is explained; give a run of another seed"
    assert capsys.readouterr().err.strip() == said
    assert explain(run, "units=[voice]", f"independent={run / 'checkpoints' / 'best.ckpt'}") == 1
    assert "has the weights of" in capsys.readouterr().err


def test_clips_shorter_than_an_excerpt_are_counted_and_said(run, capsys, monkeypatch):
    from datamodules.audio_datamodule import AudioDataModule

    whole = AudioDataModule.batch

    def shortened(self, split, indices, **more):
        batch = whole(self, split, indices, **more)
        lengths = [5000 if index % 4 else int(n) for index, n in zip(indices, batch.length.tolist(), strict=True)]
        return dataclasses.replace(batch, length=torch.tensor(lengths))

    monkeypatch.setattr(AudioDataModule, "batch", shortened)
    assert explain(run, "units=[bottleneck:1]", "generation.share=1") == 0
    said = "of 10 of 40 validation clips; 30 are shorter than 0.40 s and left out"
    assert f"excerpts: {said}\n" in capsys.readouterr().out
    assert load_points(run)[0].units[0]["reference"]["left_out"] == said
    assert explain(run, "units=[bottleneck:1]", "generation.least=50", "overwrite=true") == 1
    error = capsys.readouterr().err
    advice = "raise share or per_recording; 30 clips are shorter than an excerpt of 0.40 s and left out: give a lower"
    assert f"{advice} generation.seconds" in error
    assert "n_clips" not in error  # all were offered


def test_more_clips_are_advised_where_there_may_be_more(run, capsys):
    assert explain(run, "units=[voice]", "generation.least=50", "n_clips=30") == 1
    assert "raise class_share or per_recording; raise n_clips for more clips" in capsys.readouterr().err
    assert explain(run, "units=[voice]", "generation.least=50") == 1
    assert "n_clips" not in capsys.readouterr().err


FIVE_LINES = """from callbacks.generation_search import open_search, search_units

found = search_units(open_search("RUN"), ["voice"])[0]
print(found.choice.score, found.waveform.shape, found.sample_rate)
"""


def test_a_search_in_a_notebook_takes_at_most_five_lines(untrained_run, tmp_path, capsys):
    """With the clips of the default experiment, 5 s of sound scenes, and excerpts as long as they are by default."""
    assert len(FIVE_LINES.splitlines()) <= 5
    given = {"data.n_train": 32, "data.n_val": 40, "data.n_test": 10, "data.cache_dir": str(tmp_path / "cache")}
    quick = {"latents": 3, "snapshots": "[2]", "lr": "[0.3]", "transform": "[0.0]", "class_share": 1.0}
    quick |= {"vocoder_iterations": 2, "least": 6}
    given |= {f"callbacks.explanation_fid.generation.{name}": value for name, value in quick.items()}
    given["data.seconds"] = compose([]).data.seconds
    config = compose([f"{key}={value}" for key, value in given.items()])
    folder = untrained_run(class_names=SoundScenes(config.data, config.front_end.sample_rate).class_names, **given)
    names = {}
    exec(FIVE_LINES.replace('"RUN"', repr(str(folder))), names)
    found = names["found"]
    assert (found.unit.name, found.sample_rate) == ("voice", 22050)
    assert found.waveform.shape == (3, 68 * 512)  # frames of 1.6 s
    assert [snapshot.step for snapshot in found.search.snapshots] == [2]  # the settings of the run's own callback
    assert "22050" in capsys.readouterr().out


def test_short_clips_are_answered_with_the_setting_to_type(run):
    with pytest.raises(InputError, match=r"excerpt of 1\.60 s .* has 1\.00 s: .* such as seconds=0\.5 \(explain"):
        open_search(run)
    assert open_search(run, seconds=0.5).excerpts.n_samples == 11025


def test_the_example_of_the_readme_runs_as_written(run, monkeypatch, capsys):
    import configs.generation_schema as schema

    quick = {"seconds": 0.4, "latents": 3, "snapshots": [2], "lr": [0.3], "transform": [0.0], "share": 0.5}
    settings = schema.GenerationConfig(**quick, class_share=1.0, vocoder_iterations=2)
    monkeypatch.setattr(schema, "GenerationConfig", lambda: settings)
    monkeypatch.setattr(generation_ground, "settings_of", lambda callbacks: settings)
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    example = text.split("```python\n# search.py\n")[1].split("```")[0]
    names = {}
    exec(example.replace('"RUN"', repr(str(run))), names)
    found = names["found"][0] if isinstance(names["found"], list) else names["found"]
    assert found.unit.is_class
    assert found.waveform.ndim == 2
    assert "22050" in capsys.readouterr().out


def test_the_bar_shows_names_as_they_are(monkeypatch, capsys):
    from callbacks.explain_generations import progress

    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # as in a terminal
    with progress(2) as watch:
        watch("[/noise] [red]", 1, 2)
    assert "[/noise] [red] (1/2)" in capsys.readouterr().err
