"""Data in script files: nothing in them can end the script, and numbers come back as they were."""

import base64
import json
import math
import zlib

import numpy as np

from report.embed import floats_text, json_text, pcm, script_file
from report.spectrum_picture import spectrum_picture
from report.thumbnail import HEIGHT, WIDTH, png, thumbnail


def test_json_is_harmless_and_complete():
    data = {
        "</script>": [
            "<!--",
            "&amp;",
            "\u2028 \u202e שלום",
            "\udcff",
            math.inf,
            np.float32(0.5),
            np.int64(3),
            None,
            True,
        ]
    }
    text = json_text(data)
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text)["</script>"] == ["<!--", "&amp;", "\u2028 \u202e שלום", "\udcff", None, 0.5, 3, None, True]


def test_script_file_calls_the_page():
    path, content = script_file("clip/a", [1])
    assert path == "data/clip/a.js"
    assert content == b'soundglass.receive("clip/a", [1]);\n'


def test_arrays_come_back():
    values = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(floats_text(values)), "<f4").reshape(3, 4), values)
    coded = pcm(values[0])
    samples = np.frombuffer(base64.b64decode(coded["pcm"]), "<i2") * coded["peak"] / 32767
    np.testing.assert_allclose(samples, values[0], atol=coded["peak"] / 60000)
    assert pcm(np.zeros(4))["peak"] == 1.0
    assert pcm(np.zeros(0))["pcm"] == ""


def test_picture_shows_where_a_tone_is():
    rate, n_fft = 22050, 1024
    tone = np.sin(2 * np.pi * 6000 * np.arange(rate) / rate)
    content = thumbnail(tone, rate, n_fft)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    start = content.index(b"IDAT") + 4
    length = int.from_bytes(content[start - 8 : start - 4], "big")
    shades = np.frombuffer(zlib.decompress(content[start : start + length]), np.uint8).reshape(HEIGHT, WIDTH + 1)[:, 1:]
    top = 2595 * np.log10(1 + rate / 2 / 700)
    expected = HEIGHT * (1 - 2595 * np.log10(1 + 6000 / 700) / top)
    assert abs(int(shades.sum(axis=1).argmax()) + 0.5 - expected) < 1.5
    assert len(thumbnail(np.zeros(10), rate, n_fft)) > 50
    assert len(png(np.zeros((2, 3), np.uint8))) > 50


def test_spectrum_peaks_where_the_component_does():
    atom = np.zeros(513)
    atom[100] = 1
    picture = spectrum_picture(atom, 22050)
    assert picture.peak_hz == 100 / 512 * 11025
    assert [label for _, label in picture.ticks] == ["200 Hz", "1 kHz", "4 kHz"]
    assert spectrum_picture(np.zeros(513), 22050).path.startswith("M0 44")
