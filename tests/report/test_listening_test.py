"""The listening test: what it shows, what it hides, and what is made of the ratings."""

import csv
import json

import numpy as np
import pytest
import soundfile

from report.listening_ratings import main as rate
from report.listening_ratings import read_ratings, summary
from report.listening_test import ANCHOR, LOUDNESS, main

CLASSES = ["dog", "<b>rain</b>"]


def sound(path, level=0.1, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, level * np.random.default_rng(seed).normal(size=4000).clip(-2, 2), 8000, subtype="FLOAT")


@pytest.fixture
def explained(tmp_path):
    """Function that writes a folder as explain.py does."""

    def write(name, *clips, level=0.1):
        rows = []
        for number, (clip, label) in enumerate(clips):
            parts = {"input": "input", f"class {CLASSES.index(label)}": "why", "rest": "rest", "component 3": "c"}
            sounds = {title: f"sounds/{number}/{file}.wav" for title, file in parts.items()}
            for place, file in enumerate(sounds.values()):
                sound(tmp_path / name / file, level, seed=10 * number + place)
            rows.append({"file": clip, "classes": [{"class": label}], "sounds": sounds})
        (tmp_path / name / "explanations.json").write_text(json.dumps({"classes": CLASSES, "files": rows}))
        return tmp_path / name

    return write


@pytest.fixture
def made(explained, tmp_path):
    """A test of two systems on two clips that both explained as the same class, and one that they did not."""
    first = explained("secret-a", ("1.wav", "dog"), ("2.wav", "<b>rain</b>"), ("3.wav", "dog"))
    second = explained("secret-b", ("1.wav", "dog"), ("2.wav", "<b>rain</b>"), level=0.3)
    output = tmp_path / "out"
    assert main([f"parts={first}", f"masks={second}", "--output", str(output), "--seed", "3"]) == 0
    return output


def key_of(output):
    return list(csv.DictReader((output / "key.csv").open()))


def test_what_participants_get_does_not_say_whose_a_sound_is(made):
    for file in (made / "test").rglob("*"):
        text = file.name.encode() + (file.read_bytes() if file.is_file() else b"")
        for word in (b"secret", b"parts=", b"masks", b"anchor", b"/1.wav"):
            assert word not in text or file.suffix in (".css", ".js")
    trials = (made / "test" / "data" / "trials.js").read_text()
    assert "masks" not in trials
    assert "<b>" not in trials  # escaped, and shown as text
    rows = key_of(made)
    assert [sum(row["trial"] == str(n) for row in rows) for n in range(3)] == [3, 3, 2]
    assert {row["system"] for row in rows} == {"parts", "masks", ANCHOR}
    assert not (made / "test" / "key.csv").exists()


def test_all_sounds_are_equally_loud(made):
    for row in key_of(made):
        samples, _ = soundfile.read(made / "test" / "sounds" / f"{row['stimulus']}.wav")
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(LOUDNESS, rel=0.01)


def ratings(path, who, output, score):
    with path.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["participant", "trial", "place", "stimulus", "rating", "plays", "seconds"])
        for row in key_of(output):
            writer.writerow([who, row["trial"], 1, row["stimulus"], score(row), 1, 3.0])
    return path


def test_ratings_are_means_over_trials_by_hand(made, tmp_path, capsys):
    known = {"parts": 80, "masks": 50, ANCHOR: 10}
    files = [
        ratings(tmp_path / "a.csv", "a", made, lambda row: known[row["system"]]),
        ratings(tmp_path / "b.csv", "b", made, lambda row: known[row["system"]] + 10 * int(row["trial"])),
    ]
    found = read_ratings(files, made / "key.csv")
    assert found.participants == 2
    np.testing.assert_allclose(found.systems["parts"], [80, 85, 90])
    np.testing.assert_allclose(found.systems["masks"], [50, 55, np.nan])
    table = summary(found)
    assert list(table) == ["parts", "masks", ANCHOR]
    assert table["masks"][0].mean == pytest.approx(52.5)
    assert table["masks"][1].mean == pytest.approx(-30)  # over the two trials that both have
    output = tmp_path / "table.csv"
    assert rate([*map(str, files), "--key", str(made / "key.csv"), "--output", str(output)]) == 0
    assert "| parts | 85.0 (" in capsys.readouterr().out
    assert next(csv.DictReader(output.open()))["trials"] == "3"


def test_wrong_input_is_named(made, explained, tmp_path, capsys):
    def said(code, *arguments, by=main):
        assert by([str(a) for a in arguments]) == code
        return capsys.readouterr().err

    assert "no explanations.json" in said(2, f"a={tmp_path}", "--output", tmp_path / "x")
    one = explained("one", ("1.wav", "dog"))
    assert "two folders" in said(2, f"a={one}", f"a={one}", "--output", tmp_path / "x")
    assert "could be compared" in said(2, f"a={one}", "--output", tmp_path / "x", "--no-anchor")
    assert "exists" in said(2, f"a={one}", "--output", made)
    table = json.loads((one / "explanations.json").read_text())
    table["files"][0]["sounds"]["input"] = "../secret-a/sounds/0/input.wav"
    (one / "explanations.json").write_text(json.dumps(table))
    assert "outside of the folder" in said(1, f"a={one}", "--output", tmp_path / "x")
    file = ratings(tmp_path / "a.csv", "a", made, lambda row: 120)
    assert "line 2: rating '120'" in said(1, file, "--key", made / "key.csv", by=rate)
    file = ratings(tmp_path / "a.csv", "a", made, lambda row: 20)
    assert "given twice" in said(1, file, file, "--key", made / "key.csv", by=rate)
    sound(tmp_path / "secret-a" / "sounds/0/why.wav", level=0.0)
    arguments = (f"a={tmp_path / 'secret-a'}", "--output", tmp_path / "y")
    assert "silent" in said(1, *arguments)


@pytest.mark.slow
def test_a_participant_hears_rates_and_saves(made, browser):
    browser.open(made / "test" / "index.html")
    browser.evaluate("document.getElementById('participant').value = 'Ann, \"7\"'")
    browser.evaluate("document.getElementById('start').requestSubmit()")
    for _ in range(3):
        step = """(() => {
            const next = [...document.querySelectorAll('#trial button')].at(-1);
            const before = next.disabled;
            for (const row of document.querySelectorAll('.stimulus')) {
                const slider = row.querySelector('input');
                const mute = slider.disabled;
                row.querySelector('button').click();
                slider.value = 70; slider.dispatchEvent(new Event('input'));
                if (!mute) throw new Error('rated unheard');
            }
            const after = next.disabled; next.click(); return [before, after];
        })()"""
        assert browser.evaluate(step) == [True, False]
    rows = list(csv.DictReader(browser.evaluate("document.getElementById('ratings').textContent").splitlines()))
    assert len(rows) == 8
    assert {row["participant"] for row in rows} == {'Ann, "7"'}
    assert {row["rating"] for row in rows} == {"70"}
    assert {row["stimulus"] for row in rows} == {row["stimulus"] for row in key_of(made)}
    assert not browser.errors()
