"""The dissection callback in real trainings: it changes nothing; what it writes; concepts that fail, layers that do."""

import json
import math
from pathlib import Path

import pytest
import torch

import callbacks.dissection as dissection
from callbacks.dissection_files import read_lines
from configs.compose import compose
from configs.errors import InputError
from explain import main as explain
from models.checkpoint_file import read_checkpoint
from report.dissection_file import SOUNDS, load_units
from train import train
from unlearn import main as unlearn


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


WITHOUT = ("model.name=black_box", "model.name=masked_spectrogram")
COMPONENTS = ("model.n_components=8", "model.nmf.updates=5", "model.nmf.frames=500")


def run(output: Path, cache: Path, *more: str) -> Path:
    arguments = [
        f"output={output}",
        f"data.cache_dir={cache}",
        "run_id=a",
        "data.seconds=1",
        "data.n_train=48",
        "data.n_val=30",
        "data.n_test=12",
        "data.batch_size=16",
        "front_end.n_mels=32",
        "backbone.width=4",
        *(() if set(WITHOUT) & set(more) else COMPONENTS),
        "trainer.max_epochs=2",
        "trainer.progress=false",
        "logger.wandb=disabled",
        "callbacks.listening.enabled=false",
        *more,
    ]
    return Path(train(compose(arguments))["run"])


ENABLED = ("callbacks.dissection.enabled=true", "callbacks.dissection.k=6")
PLAIN = (*ENABLED, "callbacks.dissection.early_steps=false")
ON = (*PLAIN, "callbacks.dissection.on_error=raise", "callbacks.dissection.edits=true")
QUICK = (
    *("callbacks.dissection.descriptors=false", "callbacks.dissection.tuning=false"),
    *("callbacks.dissection.ablated_units=0", "callbacks.dissection.edits=false"),
)


@pytest.fixture(scope="module")
def dissected(tmp_path_factory, cache):
    """A finished run with everything on."""
    return run(
        tmp_path_factory.mktemp("on"),
        cache,
        *ON,
        "callbacks.dissection.word_controls=none",
        "callbacks.dissection.ablated_units=2",
    )


def test_early_points_are_written_and_change_nothing(tmp_path, cache):
    more = ("trainer.max_epochs=1", "data.batch_size=8")
    on = (*ENABLED, *QUICK, "callbacks.dissection.on_error=raise", "callbacks.dissection.early_steps=true")
    without = run(tmp_path / "without", cache, *more)
    early = run(tmp_path / "early", cache, *on, "callbacks.dissection.layers=[backbone.blocks.2,bottleneck]", *more)
    found = load_units(early)
    moments = [1 / 6, 4 / 6, 1, 1]  # 48 clips in batches of 8
    assert [point.epoch for point in found.points] == pytest.approx(moments)
    assert [path.name for path in sorted((early / "dissection").glob("epoch*"))] == [
        *("epoch_0.166667.jsonl", "epoch_0.666667.jsonl", "epoch_0001.jsonl"),
    ]
    histories = [[point["epoch"] for point in one["history"]] for one in found.units]
    assert pytest.approx(moments[:3], abs=1e-5) in histories
    assert found.points[1].figures["overlap"]["bottleneck"] is not None
    one, two = (read_checkpoint(folder / "checkpoints" / "last.ckpt") for folder in (early, without))
    assert all(torch.equal(one["state_dict"][name], two["state_dict"][name]) for name in two["state_dict"])
    assert str(one["optimizer_states"]) == str(two["optimizer_states"])
    watched, silent = columns(early), columns(without)
    assert {name: watched[name] for name in silent} == silent


@pytest.mark.parametrize(("total", "expected"), [(1, []), (2, [1]), (5, [1, 4]), (16, [1, 4]), (70, [1, 4, 16, 64])])
def test_early_batches_lie_a_factor_apart(total, expected):
    assert [n for n in range(1, total + 1) if dissection.is_early(n, total)] == expected


def columns(folder):
    header, *rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def test_weights_batch_norm_and_metrics_are_bitwise_the_same_with_it_on(dissected, tmp_path, cache):
    without = run(tmp_path, cache)
    one, two = (read_checkpoint(folder / "checkpoints" / "last.ckpt") for folder in (dissected, without))
    states = one["state_dict"], two["state_dict"]
    assert any("running_mean" in name for name in states[0])
    assert all(torch.equal(states[0][name], states[1][name]) for name in {**states[0], **states[1]})
    assert str(one["optimizer_states"]) == str(two["optimizer_states"])
    watched, silent = columns(dissected), columns(without)
    assert {name: watched[name] for name in silent} == silent
    assert all(name.startswith("dissection/") for name in watched if name not in silent)


def test_points_history_gallery_and_sounds_are_in_the_run_folder(dissected):
    points = [read_lines(dissected / "dissection" / f"{name}.jsonl") for name in ("epoch_0001", "epoch_0002", "end")]
    assert len({tuple(report.key for report in point) for point in points[:2]}) == 1
    first, second, end = ({report.key: report for report in point} for point in points)
    assert {report.layer for report in end.values()} == {
        *("backbone.blocks.0", "backbone.blocks.1", "backbone.blocks.2", "bottleneck"),
    }
    assert sum(report.layer == "bottleneck" for report in end.values()) == 8
    assert all([p.epoch for p in report.history] == [1, 2] for key, report in end.items() if key in second)
    assert all(second[key].history[0].overlap is None for key in first)
    assert any(report.history[1].overlap is not None for report in second.values())
    alive = [report for report in end.values() if not report.dead]
    assert all(len(report.top) == 6 and report.tuning for report in alive)
    assert sum(bool(report.descriptors) for report in alive) >= 10  # undefined where most top clips lie in one half
    edited = [report for report in alive if report.edits]
    assert len(edited) == len(alive)
    assert all(len(report.edits["pitch"].effect) == 4 for report in edited)
    silenced = [report for report in alive if report.ablation]
    assert {report.layer for report in silenced} == {report.layer for report in end.values()}
    assert all(len(report.ablation.classes) == len(report.ablation.z) for report in silenced)
    found = load_units(dissected)
    assert [(point.epoch, point.end) for point in found.points] == [(1, False), (2, False), (2, True)]
    heard = {clip.file for clip in found.clips if clip.file}
    assert heard == {path.name for path in (dissected / SOUNDS).iterdir()}
    assert (dissected / "report" / "unit.html").is_file()
    rows = columns(dissected)
    assert all(float(value) > 0 for value in rows["dissection/seconds"] if value)
    assert next(value for value in rows["dissection/overlap/bottleneck"] if value) == "nan"
    assert 0 <= float([value for value in rows["dissection/overlap/bottleneck"] if value][-1]) <= 1


def test_silencing_a_component_is_what_the_decision_without_it_loses(dissected):
    """An independent count: the logits with the component's activations set to zero."""
    from callbacks.benchmark_clips import data_of
    from callbacks.dissection_taps import answers_of, probe_batch
    from callbacks.probe_clips import ProbeClips
    from models.run_loading import load_run

    loaded = load_run(dissected)
    probes = ProbeClips.choose(data_of(loaded), loaded.config.callbacks.dissection.n_clips)
    batch = probe_batch(probes, loaded.config.callbacks.dissection.ablation_clips)
    report = next(
        report
        for report in read_lines(dissected / "dissection" / "end.jsonl")
        if report.layer == "bottleneck" and report.ablation
    )
    with torch.no_grad():
        response = loaded.model.respond(loaded.model.analyse(batch.waveform, batch.length))
        without = response.activations.clone()
        without[:, report.unit] = 0
        after = loaded.model.bottleneck.decide(without, None).logits.log_softmax(-1)
        before = answers_of(loaded.model, batch)().logits.log_softmax(-1)
    change = (after - before).gather(1, batch.target[:, None])[:, 0]
    for c, expected in enumerate(report.ablation.change):
        own = change[batch.target == c]
        assert (expected is None) == (len(own) == 0)
        assert expected is None or expected == pytest.approx(float(own.mean()), abs=1e-5)


def test_failing_concepts_mark_the_point_and_the_run_goes_on(tmp_path, cache, monkeypatch):
    calls = []

    def times_out(*_):
        calls.append(1)
        raise TimeoutError("no answer in 60 s")

    monkeypatch.setattr(dissection, "concepts_of", times_out)
    monkeypatch.setattr(dissection, "end_of_training", lambda *_: None)
    more = ["callbacks.dissection.concepts=captions", "callbacks.dissection.source.captions=captions.csv"]
    with pytest.warns(UserWarning, match="captions failed: no answer in 60 s; units are named by labels"):
        folder = run(tmp_path, cache, *PLAIN, *QUICK, *more)
    assert len(calls) == 3  # asked again at each point, and at the end
    assert set(columns(folder)["dissection/concepts_failed"]) >= {"1"}
    found = load_units(folder)
    assert all("no answer in 60 s" in point.problem for point in found.points)
    assert found.source == "labels"
    assert (folder / "summary.json").is_file()
    assert "no answer in 60 s" in (folder / "report" / "units.html").read_text()


def test_concepts_that_fail_stop_a_run_that_wants_them(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(dissection, "concepts_of", lambda *_: (_ for _ in ()).throw(InputError("nonsense answered")))
    more = ["callbacks.dissection.concepts=captions", "callbacks.dissection.source.captions=captions.csv"]
    with pytest.raises(InputError, match="nonsense answered"):
        run(tmp_path, cache, *ON, *QUICK, *more)


def test_a_layer_that_does_not_exist_is_refused_before_the_training(tmp_path, cache):
    with pytest.raises(InputError, match=r"layer 'backbone.block.2': .* did you mean 'backbone.blocks.2'"):
        run(tmp_path, cache, *ON, "callbacks.dissection.layers=[backbone.block.2]")


def test_a_layer_without_maps_is_a_warning_and_the_training_goes_on(tmp_path, cache):
    with pytest.warns(UserWarning, match=r"dissection: epoch 1 is skipped: InputError: layer 'backbone' returns a"):
        folder = run(tmp_path, cache, *PLAIN, "callbacks.dissection.layers=[backbone]", "trainer.max_epochs=1")
    assert (folder / "summary.json").is_file()
    assert load_units(folder) is None


def test_wandb_gets_tables_with_sounds_and_pictures(tmp_path, cache):
    folder = run(tmp_path, cache, *ON, *QUICK, "logger.wandb=offline", "callbacks.dissection.units_shown=4")
    media = [path for path in (folder / "wandb").rglob("media/**/*") if path.is_file()]
    tables = [path for path in media if path.suffix == ".json" and "dissection" in str(path)]
    assert any("most_changed" in path.name for path in tables)
    starts = [path.read_bytes()[:4] for path in (folder / "wandb").rglob("*") if path.is_file()]
    assert min(starts.count(b"RIFF"), starts.count(b"\x89PNG")) >= 2  # one of the most changed units at least
    content = json.loads(next(path for path in tables if "most_changed" in path.name).read_text())
    assert content["columns"][:4] == ["point", "layer", "unit", "pole"]
    assert len(content["data"]) == 2


def test_a_black_box_is_dissected_too_and_multi_label_data(tmp_path, cache):
    folder = run(
        tmp_path, cache, *ON, *QUICK, "model.name=black_box", "data.multi_label=true", "trainer.max_epochs=1",
        "callbacks.dissection.layers=[backbone.blocks.2,bottleneck]",
    )  # fmt: skip
    found = load_units(folder)
    assert list(found.layers) == ["backbone.blocks.2"]
    assert len(found.units) >= 16


def test_a_model_that_has_learned_no_classes_is_dissected_and_nothing_is_silenced(tmp_path, cache, capsys):
    more = ["model.name=masked_spectrogram", "trainer.max_epochs=1", "callbacks.dissection.edits=false"]
    folder = run(tmp_path, cache, *ON, *more, "callbacks.dissection.tuning=false")
    found = load_units(folder)
    assert list(found.layers) == [f"backbone.blocks.{i}" for i in range(3)]
    assert not any(unit["ablation"] for unit in found.units)
    assert "has learned no classes" in (folder / "report" / "units.html").read_text()
    said = [f"run={folder}", "what=units", "layers=[backbone.blocks.2]", "overwrite=true", "edits=false"]
    assert explain(said) == 0
    assert "No unit was silenced" in capsys.readouterr().out
    assert unlearn([f"run={folder}", "concept=siren"]) == 1
    assert "there is nothing to forget" in capsys.readouterr().err


def test_units_of_a_finished_run_are_explained_without_training(tmp_path, cache, capsys):
    folder = run(tmp_path, cache, *QUICK, "trainer.max_epochs=1", "callbacks.dissection.ablated_units=2")
    assert load_units(folder) is None
    weights = (folder / "checkpoints" / "best.ckpt").read_bytes()
    assert explain([f"run={folder}", "what=units", "layers=[backbone.blocks.2,bottleneck]", "n_clips=24"]) == 0
    said = capsys.readouterr().out
    assert "backbone.blocks.2: " in said
    assert "report: " in said
    found = load_units(folder)
    assert len(found.clips) == 24
    assert list(found.layers) == ["backbone.blocks.2", "bottleneck"]
    assert (folder / "report" / "units.html").is_file()
    assert (folder / "checkpoints" / "best.ckpt").read_bytes() == weights
    assert explain([f"run={folder}", "what=units"]) == 2
    assert "overwrite=true" in capsys.readouterr().err
    other = tmp_path / "other"
    assert explain([f"run={folder}", "what=units", f"output={other}", "layers=[bottleneck]"]) == 0
    assert (other / "report" / "unit.html").is_file()
    assert list(load_units(folder).layers) == ["backbone.blocks.2", "bottleneck"]


def test_figures_of_a_point_are_in_the_metrics_of_each_layer(dissected):
    rows, found = columns(dissected), load_units(dissected)
    last = found.points[1].figures
    for name in ("named", "dead", "polysemantic"):
        for layer in found.layers:
            logged = [value for value in rows[f"dissection/{name}/{layer}"] if value][-1]
            assert math.isclose(float(logged), last[name][layer], rel_tol=1e-4, abs_tol=1e-6)
