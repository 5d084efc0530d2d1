"""explain.py on files of every kind, from the shell's side."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from explain import main
from models.run_loading import load_run
from report.explained import load_explanations

REPOSITORY = Path(__file__).resolve().parents[1]


def noise(seconds, rate=22050, channels=1, seed=0):
    shape = (round(seconds * rate), channels) if channels > 1 else (round(seconds * rate),)
    return np.random.default_rng(seed).uniform(-0.4, 0.4, shape).astype(np.float32)


def write(path, samples, rate=22050, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **more)
    return path


def explain(run, audio, output, *more):
    return main([f"run={run}", f"audio={audio}", f"output={output}", *more])


def table(output):
    return json.loads((output / "explanations.json").read_text())


@pytest.mark.parametrize("masks", ["magnitude", "fitted"])
def test_one_file_gives_sounds_that_add_up_relevances_and_a_report(untrained_run, tmp_path, capsys, masks):
    run, output = untrained_run(), tmp_path / "out"
    samples = noise(0.8)
    assert explain(run, write(tmp_path / "a.wav", samples, subtype="FLOAT"), output, f"masks={masks}") == 0
    row = table(output)["files"][0]
    sounds = {name: soundfile.read(output / place)[0] for name, place in row["sounds"].items()}
    predicted = load_run(run).class_names.index(row["predicted"][0])
    np.testing.assert_allclose(sounds["input"], samples, atol=1e-7)
    error = sounds[f"class {predicted}"] + sounds["rest"] - samples
    assert 10 * np.log10((error**2).sum() / (samples**2).sum()) <= -60
    assert len([name for name in sounds if name.startswith("component")]) == 3
    said = load_run(run).explain(torch.from_numpy(samples))
    one = row["classes"][0]
    assert one["selected"] == said.selected(predicted)[0].nonzero().flatten().tolist()
    assert sum(one["relevance"]) + one["prior"] == pytest.approx(row["logits"][row["predicted"][0]], abs=1e-5)
    assert max(abs(value) for value in one["normalised"]) == pytest.approx(1)
    assert (output / "report" / "index.html").is_file()
    assert "explained 1 of 1 files" in capsys.readouterr().out


def test_a_folder_of_all_kinds_is_explained_skipped_and_counted(untrained_run, tmp_path, capsys):
    audio = tmp_path / "audio"
    write(audio / "stereo 44.1.flac", noise(1.3, 44100, 2), 44100)
    write(audio / "sub" / "long.ogg", noise(3.7, 16000), 16000)
    write(audio / 'b"<b>ירח.wav', noise(0.6, 8000), 8000)
    write(audio / "silent.wav", np.zeros(22050))
    write(audio / "short.wav", noise(0.02))
    write(audio / "nan.wav", np.full(22050, np.nan, dtype=np.float32), subtype="FLOAT")
    write(audio / "opposite.wav", np.stack([noise(1), -noise(1)], axis=1), subtype="FLOAT")
    write(audio / "endless.wav", noise(9))
    (audio / "empty.wav").write_bytes(b"")
    (audio / "text.mp3").write_text("no audio at all")
    (audio / "notes.txt").write_text("not taken for audio")
    output = tmp_path / "out"
    assert explain(untrained_run(), audio, output, "longest=8", "report=false") == 0
    found = table(output)
    assert [row["file"] for row in found["files"]] == ['b"<b>ירח.wav', "stereo 44.1.flac", "sub/long.ogg"]
    reasons = {row["file"]: row["reason"] for row in found["skipped"]}
    assert set(reasons) == {f"{name}.wav" for name in ("silent", "short", "nan", "opposite", "endless", "empty")} | {
        "text.mp3"
    }
    assert reasons["endless.wav"] == "9 s, longer than longest=8 s"
    assert reasons["short.wav"] == "441 samples at 22050 Hz, fewer than one analysis frame of 1024"
    by_name = {row["file"]: row for row in found["files"]}
    assert by_name["stereo 44.1.flac"]["notes"] == ["2 channels mixed down", "resampled from 44100 Hz"]
    assert len(by_name["sub/long.ogg"]["windows"]) == 5
    assert by_name["sub/long.ogg"]["windows"][-1]["end_s"] == pytest.approx(3.7, abs=0.03)
    printed = capsys.readouterr()
    assert "explained 3 of 10 files" in printed.out
    assert "skipped silent.wav: silent throughout" in printed.err
    assert all(Path(output / place).is_file() for row in found["files"] for place in row["sounds"].values())
    assert len(load_explanations(output).clips) == 3


def test_nothing_readable_is_a_failure_and_leaves_nothing_behind(untrained_run, tmp_path, capsys):
    audio = write(tmp_path / "silent.wav", np.zeros(22050))
    assert explain(untrained_run(), audio, tmp_path / "out") == 1
    assert "none of 1 files could be explained" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_output_that_exists_is_refused_unless_told(untrained_run, tmp_path, capsys):
    run, audio, output = untrained_run(), write(tmp_path / "a.wav", noise(0.5)), tmp_path / "out"
    assert explain(run, audio, output, "report=false") == 0
    assert explain(run, audio, output) == 2
    assert "exists; choose another folder or add overwrite=true" in capsys.readouterr().err
    assert explain(run, audio, output, "overwrite=true", "components=all", "report=false") == 0
    assert len([name for name in table(output)["files"][0]["sounds"] if name.startswith("component")]) == 8
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious.txt").write_text("mine")
    assert explain(run, audio, other, "overwrite=true") == 2
    assert "holds no explanations" in capsys.readouterr().err
    assert (other / "precious.txt").is_file()


def test_classes_can_be_chosen_and_components_muted_and_saved(untrained_run, tmp_path):
    run, audio = untrained_run(), write(tmp_path / "a.wav", noise(0.5))
    edited, output = tmp_path / "edited.ckpt", tmp_path / "out"
    more = ["classes=[rain,bell]", "components=0", "mute=[1,6]", f"save={edited}", "report=false"]
    assert explain(run, audio, output, *more) == 0
    row = table(output)["files"][0]
    assert set(row["sounds"]) == {"input", "class 1", "class 2", "rest"}
    assert [one["class"] for one in row["classes"]] == ["rain", "bell"]
    assert all(one["relevance"][number] == 0 for one in row["classes"] for number in (1, 6))
    assert explain(edited, audio, tmp_path / "again", "report=false") == 0
    again = table(tmp_path / "again")["files"][0]
    assert again["logits"] == row["logits"]
    assert explain(edited, audio, tmp_path / "without") == 0  # the checkpoint says what was trained
    assert (tmp_path / "without" / "report" / "clip.html").is_file()


def test_a_long_recording_is_in_the_report_from_its_first_sound_on(untrained_run, tmp_path):
    recording = np.concatenate([np.zeros(22050 * 20), noise(80)])
    output = tmp_path / "out"
    audio = write(tmp_path / "long.wav", recording)
    assert explain(untrained_run(), audio, output, "components=0", "report=false") == 0
    clip = load_explanations(output).clips[0]
    assert re.match(r"(59|60) s from (19|20) s of 100 s$", clip.note)
    assert clip.relevance is None  # it was the whole recording's
    assert clip.n_frames == clip.activations.shape[1] == 1 + len(clip.waveform) // 512
    assert max(last for _, last in clip.windows) == clip.n_frames
    windows = table(output)["files"][0]["windows"]
    np.testing.assert_allclose(
        clip.logits, np.mean([w["logits"] for w in windows[: len(clip.windows)]], axis=0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("change", "message", "code"),
    [
        (["audoi=x"], "unknown key audoi, did you mean 'audio'?", 2),
        (["threshold=high"], "threshold=high: expected float", 2),
        (["threshold=3"], "threshold=3.0 must lie between -1 and 1", 2),
        (["components=few"], "components=few must be a number or all", 2),
        (["data=x"], "unknown key data", 2),
        (["classes=[dgo]"], "classes=dgo: no such class, did you mean 'dog'?", 2),
        (["mute=[8]"], "the run has components 0 to 7", 2),
        (["audio=nowhere.wav"], "audio=nowhere.wav: no such file or folder", 2),
        (["run=nowhere"], "nowhere: not a run folder", 2),
    ],
)
def test_wrong_commands_are_answered_in_one_line(untrained_run, tmp_path, capsys, change, message, code):
    audio = write(tmp_path / "a.wav", noise(0.5))
    assert explain(untrained_run(), audio, tmp_path / "out", *change) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_missing_settings_are_listed_and_help_needs_no_torch():
    def run(*arguments):
        command = [sys.executable, "-X", "importtime", "explain.py", *arguments]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)

    started = time.perf_counter()
    shown = run("--help")
    assert time.perf_counter() - started < 5
    assert shown.returncode == 0
    assert "threshold: float = 0.2" in shown.stdout
    assert " torch" not in shown.stderr
    missing = run()
    assert missing.returncode == 2
    assert "error: missing: run; give each as key=value" in missing.stderr


def test_a_run_of_another_kind_or_without_a_checkpoint_is_refused(untrained_run, tmp_path, capsys):
    audio = write(tmp_path / "a.wav", noise(0.5))
    assert explain(untrained_run("black", **{"model.name": "black_box"}), audio, tmp_path / "out") == 1
    assert "has no components to listen to" in capsys.readouterr().err
    folder = untrained_run("unfinished")
    (folder / "checkpoints" / "best.ckpt").unlink()
    assert explain(folder, audio, tmp_path / "out") == 1
    assert "no finished checkpoint" in capsys.readouterr().err
