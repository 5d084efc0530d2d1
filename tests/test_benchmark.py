"""benchmark.py from end to end on tiny scenes: the tables, resuming, pooling, and what it refuses."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import benchmark
import callbacks.explanation_benchmark as work
from datamodules.sound_scenes import CLASS_NAMES
from models.run_loading import load_run

REPOSITORY = Path(__file__).resolve().parents[1]
CHEAP = ["clips=4", "conditions=[other_class]", "curve_steps=2", "stability_draws=1", "stability_clips=2"]
NO_BASELINES = "methods=[saliency]"


@pytest.fixture
def run(untrained_run, tmp_path):
    def make(name="run", **settings):
        small = {
            "data.n_train": 24,
            "data.n_val": 12,
            "data.n_test": 12,
            "data.batch_size": 12,
            "data.cache_dir": tmp_path / "cache",
        }
        return untrained_run(name, class_names=CLASS_NAMES, **small, **settings)

    return make


def explanations(path, *more):
    return benchmark.main(["explanations", f"run={path}", *CHEAP, NO_BASELINES, *more])


def without_seconds(folder):
    result = json.loads((folder / "explanations.json").read_text())
    for part in result["blocks"]:
        for condition in part["conditions"]:
            for row in condition["rows"]:
                del row["seconds"]
    return {"blocks": result["blocks"], "sentence": result["sentence"]}


def test_a_killed_benchmark_goes_on_to_the_same_table(run, tmp_path, monkeypatch, capsys):
    whole, killed, short = run("whole"), run("killed"), ("conditions=[clean]", "report=false")
    assert explanations(whole, *short) == 0
    score, calls = work.score_cell, []

    def dies(*arguments, **settings):
        calls.append(arguments)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return score(*arguments, **settings)

    monkeypatch.setattr(work, "score_cell", dies)
    assert explanations(killed, *short) == 1
    assert "goes on" in capsys.readouterr().err
    assert not (killed / "benchmark" / "explanations.json").exists()
    kept = set((killed / "benchmark" / "cells").rglob("*.npz"))
    assert len(kept) == 3
    monkeypatch.setattr(work, "score_cell", lambda *a, **s: calls.append(a) or score(*a, **s))
    calls.clear()
    assert explanations(killed, *short) == 0
    found, expected = without_seconds(killed / "benchmark"), without_seconds(whole / "benchmark")
    assert found["blocks"] == expected["blocks"]
    cells = set((killed / "benchmark" / "cells").rglob("*.npz"))
    scored = {path for path in cells if "as_published" not in path.name}
    assert len(calls) == len(scored) - len(kept)


def test_tables_report_and_sounds_are_written(run):
    path = run()
    assert explanations(path, "playable=1", "conditions=[clean,other_class]") == 0
    folder = path / "benchmark"
    result = json.loads((folder / "explanations.json").read_text())
    part = result["blocks"][0]
    assert part["key"] == "by_design"
    rows = {row["method"]: row for row in part["conditions"][0]["rows"]}
    own = rows["own_selected"]["figures"]
    assert own["equal/average_increase"] == own["natural/average_increase"]
    assert own["once/stability"]["n"] == 2
    assert rows["own_random_components"]["kind"] == "control"
    kept = {name: row["figures"]["equal/energy_kept"]["mean"] for name, row in rows.items()}
    assert kept["random_mask"] == pytest.approx(kept["own_selected"], rel=1e-3)
    assert kept["own_weighted"] == pytest.approx(kept["own_selected"], rel=1e-3)
    assert len({row["fault"] for row in part["as_published"]}) == 4
    assert "Never decided for" in part["note"]  # an untrained model says few classes
    page = (path / "report" / "explanations.html").read_text()
    assert "Explanations compared" in page
    sounds = [sound["file"] for clip in part["playable"]["clips"] for sound in clip["sounds"]]
    assert sounds
    assert all((path / "report" / file).is_file() for file in sounds)
    assert (folder / "explanations.csv").read_text().count("\n") > 50
    assert "## Cost" in (folder / "explanations.md").read_text()


def test_clips_without_a_component_above_the_threshold_are_counted_as_undefined(run):
    path = run()
    assert explanations(path, "threshold=1", "report=false") == 0  # no relevance exceeds the largest
    rows = json.loads((path / "benchmark" / "explanations.json").read_text())["blocks"][0]["conditions"][0]["rows"]
    own = next(row for row in rows if row["method"] == "own_selected")
    assert own["figures"]["equal/average_increase"]["undefined"] == 4
    assert own["figures"]["equal/average_increase"]["mean"] is None


def test_folds_are_pooled_and_their_cells_used_again(run, tmp_path, monkeypatch):
    first, second = run("a"), run("b", **{"data.scene_seed": 1})
    assert explanations(first, "report=false") == 0
    calls, score = [], work.score_cell
    monkeypatch.setattr(work, "score_cell", lambda *a, **s: calls.append(a) or score(*a, **s))
    assert explanations(f"{first},{second}", f"output={tmp_path / 'both'}") == 0
    made = len(calls)
    one = json.loads((first / "benchmark" / "explanations.json").read_text())["blocks"][0]["conditions"][0]
    both = json.loads((tmp_path / "both" / "explanations.json").read_text())["blocks"][0]["conditions"][0]
    assert (one["n"], both["n"]) == (4, 8)
    assert made == len(one["rows"])  # those of the second run only
    assert (tmp_path / "both" / "report" / "index.html").is_file()
    pattern = f"{tmp_path}/[ab]"
    assert explanations(pattern, f"output={tmp_path / 'again'}", "report=false") == 0
    assert without_seconds(tmp_path / "again")["blocks"][0]["conditions"][0] == both | {
        "rows": [{k: v for k, v in row.items() if k != "seconds"} for row in both["rows"]]
    }


def test_the_twin_has_a_block_at_the_energy_of_the_by_design_model(run):
    path = run("r")
    run("r-black_box", **{"model.name": "black_box"})
    assert explanations(path, "report=false") == 0
    blocks = json.loads((path / "benchmark" / "explanations.json").read_text())["blocks"]
    assert [part["key"] for part in blocks] == ["by_design", "black_box"]
    rows = {row["method"]: row for row in blocks[1]["conditions"][0]["rows"]}
    assert rows["twin_selected"]["kind"] == "control"
    energies = [rows[name]["figures"]["equal/energy_kept"]["mean"] for name in ("twin_selected", "random_mask")]
    assert energies[0] == pytest.approx(energies[1], rel=1e-3)
    assert explanations(path, "twin=false", "report=false") == 0
    assert len(json.loads((path / "benchmark" / "explanations.json").read_text())["blocks"]) == 1


def test_what_cannot_be_explained_is_refused_in_one_line(run, tmp_path, capsys):
    black = run("bb", **{"model.name": "black_box"})
    for arguments, code, words in [
        ([f"run={black}"], 1, "has no components; give post_hoc="),
        ([f"run={tmp_path / 'missing'}"], 2, "not a run folder"),
        ([f"run={tmp_path}/x*"], 2, "fits no run"),
        ([f"run={black}", "conditions=[speech]"], 2, "speech=FOLDER"),
        ([f"run={black}", "conditions=[rain]"], 2, "rain is none of"),
        ([f"run={black}", "clps=3"], 2, "clips"),
    ]:
        assert benchmark.main(["explanations", *arguments]) == code
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert benchmark.main(["explanation"]) == 2
    assert "did you mean 'explanations'" in capsys.readouterr().err


def test_an_unknown_method_is_named_with_the_nearest(run, capsys):
    assert benchmark.main(["explanations", f"run={run()}", *CHEAP, "methods=[salience]"]) == 2
    assert "saliency" in capsys.readouterr().err


def test_help_answers_without_torch():
    code = (
        "import sys, benchmark\n"
        "try: benchmark.main(['explanations', '--help'])\n"
        "finally: assert 'torch' not in sys.modules"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert time.perf_counter() - started < 2
    assert done.returncode == 0
    assert "ig_steps" in done.stdout


def test_sanity_reports_every_layer_and_the_band(run, capsys):
    path = run()
    other = run("other", seed=1)
    assert benchmark.main(["sanity", f"run={path}", "clips=4", "networks=3", f"seeds={other}"]) == 0
    assert "bottleneck" in capsys.readouterr().out
    result = json.loads((path / "benchmark" / "sanity.json").read_text())
    assert result["cascade"][0]["cosine"] == pytest.approx(1)
    model = load_run(path).model
    names = [row["title"] for row in result["cascade"][1:]]
    assert names[0] == "bottleneck"
    assert set(names) <= {name for name, _ in model.named_modules()}
    assert abs(result["cascade"][-1]["cosine"]) < 0.9
    assert result["others"][1]["title"] == "dictionary permuted"
    assert result["others"][1]["cosine"] == pytest.approx(1)
    assert result["seeds"][0]["rank"] > result["seeds"][0]["rank_by_chance"]  # both have the same random weights
    assert result["shortcut"] is None
    assert (path / "report" / "sanity.html").is_file()
    assert benchmark.main(["sanity", f"run={run('bb', **{'model.name': 'black_box'})}"]) == 1


def test_a_model_made_to_hear_the_hum_is_found_out(run):
    """Component 0 has the spectrum of the hum and decides for the class that carries it."""
    path = run(**{"data.shortcut": "siren", "data.seconds": 2})
    loaded = load_run(path)
    head, front_end = loaded.model.bottleneck, loaded.model.front_end
    from datamodules.sound_surroundings import hum
    from datamodules.sound_synthesis import Draws

    sound = torch.from_numpy(hum(Draws(1), 2.0, 22050)).float()[None]
    spectrum = front_end.log_magnitude(front_end.stft(sound)).mean(dim=2)[0]
    with torch.no_grad():
        head.dictionary[:, 0] = spectrum / spectrum.norm()
        head.weight.zero_()
        head.weight[CLASS_NAMES.index("siren"), 0, 0] = 1.0
    checkpoint = torch.load(path / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save({**checkpoint, "state_dict": loaded.model.state_dict()}, path / "checkpoints" / "best.ckpt")
    assert benchmark.main(["sanity", f"run={path}", "clips=4", "networks=3", "methods=[saliency]", "report=false"]) == 0
    found = json.loads((path / "benchmark" / "sanity.json").read_text())["shortcut"]
    rows = {row["title"]: row for row in found["methods"]}
    assert rows["own components"]["revealed"] == 1
    assert rows["own components"]["enrichment"] > 1.5 * rows["random mask"]["enrichment"]
    assert rows["own components"]["enrichment"] > rows["own components, random ones"]["enrichment"]


def test_batches_do_not_change_what_is_said(run):
    one, four = run("one"), run("four")
    methods = "methods=[grad_cam,slime]"
    assert explanations(one, methods, "batch_size=1", "report=false") == 0
    assert explanations(four, methods, "batch_size=4", "report=false") == 0
    cells = sorted(path.relative_to(one) for path in (one / "benchmark" / "cells").rglob("*.npz"))
    assert len(cells) > 8
    for cell in cells:
        first, second = (np.load(path / cell) for path in (one, four))
        assert first.files == second.files
        for key in set(first.files) - {"seconds"}:
            np.testing.assert_allclose(first[key], second[key], rtol=1e-4, atol=1e-4, err_msg=f"{cell} {key}")


def test_several_labels_in_a_clip(run):
    path = run(multi_label=True, **{"data.multi_label": True})
    assert explanations(path, "report=false") == 0
    part = json.loads((path / "benchmark" / "explanations.json").read_text())["blocks"][0]
    figures = {row["method"]: row["figures"] for row in part["conditions"][0]["rows"]}
    assert figures["saliency"]["equal/input_fidelity"]["n"] == 4
    assert figures["saliency"]["equal/mask_in_accuracy"]["mean"] is not None


def test_an_interpreter_stands_beside_the_classifier_that_it_explains(run, capsys):
    black = run("bb", **{"model.name": "black_box"})
    interpreter = run("ph", **{"model.name": "post_hoc", "model.explains": str(black)})
    assert explanations(black, f"post_hoc={interpreter}", "report=false") == 0
    part = json.loads((black / "benchmark" / "explanations.json").read_text())["blocks"][0]
    rows = part["conditions"][0]["rows"]
    assert [row["title"] for row in rows if row["kind"] == "own"] == [
        "post-hoc, attention pooling",
        "post-hoc, attention pooling, weighted",
        "post-hoc, attention pooling, fitted",
    ]
    assert len(part["as_published"]) == 4
    capsys.readouterr()
    assert explanations(run("other"), f"post_hoc={interpreter}", "report=false") == 1
    assert "explains neither the run nor its twin" in capsys.readouterr().err
    assert explanations(interpreter, "report=false") == 1
    assert "is an interpreter itself" in capsys.readouterr().err
