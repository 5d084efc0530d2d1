import json
import pickle

import numpy as np
import pytest

from datamodules.waveform_cache import INDEX_FILE, SAMPLES_FILE, CacheIndex, WaveformCache, open_cache, quantise


@pytest.fixture
def clips():
    generator = np.random.default_rng(1)
    return {
        f"clip{i}": (level * generator.standard_normal(500 + 37 * i)).astype(np.float32)
        for i, level in enumerate([1e-6, 0.01, 0.3, 1.0, 40.0])
    }


@pytest.fixture
def folder(tmp_path, clips):
    index, offset = CacheIndex(16000, [], [], [], [], {"broken": "silent throughout"}), 0
    with (tmp_path / SAMPLES_FILE).open("wb") as file:
        for name, samples in clips.items():
            stored, scale = quantise(samples)
            file.write(stored.tobytes())
            for column, value in zip(
                (index.names, index.offsets, index.lengths, index.scales),
                (name, offset, samples.size, scale),
                strict=True,
            ):
                column.append(value)
            offset += samples.size
    index.save(tmp_path)
    return tmp_path


def test_stored_samples_equal_decoded_ones_to_half_a_step(folder, clips):
    cache = WaveformCache(folder)
    for name, samples in clips.items():
        read = cache.read(name)
        half_step = np.abs(samples.astype(np.float64)).max() / 32767 / 2
        assert read.dtype == np.float32
        assert np.abs(read.astype(np.float64) - samples).max() <= half_step * 1.01  # 1 %: float32 of the product
        assert cache.length(name) == samples.size


def test_a_part_of_a_clip_never_reaches_into_its_neighbour(folder, clips):
    cache = WaveformCache(folder)
    whole = cache.read("clip2")
    np.testing.assert_array_equal(cache.read("clip2", 100, 50), whole[100:150])
    np.testing.assert_array_equal(cache.read("clip2", 550, 400), whole[550:])


def test_silence_is_stored_as_silence():
    stored, scale = quantise(np.zeros(10, np.float32))
    assert not stored.any()
    assert scale > 0


def test_it_travels_to_workers_without_its_samples(folder, clips):
    cache = WaveformCache(folder)
    expected = cache.read("clip3")
    data = pickle.dumps(cache)
    assert len(data) < 5000
    np.testing.assert_array_equal(pickle.loads(data).read("clip3"), expected)


def test_the_index_is_plain_data(folder, clips):
    data = json.loads((folder / INDEX_FILE).read_text())
    assert data["names"] == list(clips)
    assert data["bad"] == {"broken": "silent throughout"}


@pytest.mark.parametrize("damage", ["no index", "cut index", "cut samples", "no samples", "version", "field"])
def test_a_damaged_cache_is_not_opened(folder, clips, damage):
    assert open_cache(folder, list(clips)) is not None
    index, samples = folder / INDEX_FILE, folder / SAMPLES_FILE
    if damage == "no index":
        index.unlink()
    elif damage == "cut index":
        index.write_text(index.read_text()[:-20])
    elif damage == "cut samples":
        samples.write_bytes(samples.read_bytes()[:-2])
    elif damage == "no samples":
        samples.unlink()
    else:
        data = json.loads(index.read_text())
        data |= {"version": 0} if damage == "version" else {"unheard_of": 1}
        index.write_text(json.dumps(data))
    assert open_cache(folder, list(clips)) is None


def test_a_cache_that_lacks_a_clip_is_not_opened(folder, clips):
    assert open_cache(folder, [*clips, "broken"]) is not None
    assert open_cache(folder, [*clips, "another"]) is None
