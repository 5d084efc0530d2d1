"""The pages of generated sounds: what they say of given files, and what damaged ones do."""

import json

import pytest

from configs.errors import InputError
from report.build import build
from report.generations import band_ticks, generations_context, latest, lead, slaney
from report.generations_data import distance_of, film_of, unit_data
from report.generations_file import load_points, points_of_other_versions
from report.interpretations import charts, tables
from report.interpretations_file import FILE, load_interpretations, save_interpretations
from report.run_contents import read_run
from tests.report.generated_run import CLASSES, generated, interpreted, record, write_point


@pytest.fixture
def folder(tmp_path):
    run = tmp_path / "sounds" / "one"
    run.mkdir(parents=True)
    return run


def test_the_end_is_the_last_point_and_what_it_lacks_comes_from_the_point_before(folder):
    generated(folder, epochs=(2, 16, 4))
    write_point(folder, "end", [record(folder, "end", 1, 16, 0.1)])
    points = load_points(folder)
    assert [(point.name, point.epoch, point.end) for point in points] == [
        ("epoch_0002", 2, False), ("epoch_0004", 4, False), ("epoch_0016", 16, False), ("end", 16, True),
    ]  # fmt: skip
    newest = latest(points)
    assert [unit["unit"] for unit in newest] == [0, 1, 2, 3]
    assert newest[1]["lanes"][0]["kernel"] == 0.1
    assert newest[0] is points[2].units[0]


def test_the_lead_says_which_clips_gave_no_excerpt(folder):
    plain = record(folder, "end", 1, 16, 0.1)
    assert "Excerpts are" not in lead([plain])
    said = "of 9 of 400 validation clips; 391 are shorter than 1.60 s and left out"
    short = {**plain, "reference": {**plain["reference"], "left_out": said}}
    assert lead([short]).endswith(f" Excerpts are {said}.")


def test_strips_share_one_scale_from_zero_or_the_lowest_floor_to_the_highest_ceiling(folder):
    generated(folder)
    context = generations_context(read_run(folder))
    assert context["ends"] == (-0.02, 0.6)
    first, second = context["rows"][:2]
    place = lambda value: pytest.approx(100 * (value + 0.02) / 0.62, abs=0.01)  # noqa: E731
    assert first.marks == {
        "value": place(0.12), "low": place(0.09), "high": place(0.15), "ceiling": place(0.6),
        "floor_low": place(-0.02), "floor": place(0.0), "floor_high": place(0.04),
    }  # fmt: skip
    assert second.marks["value"] == place(0.15)
    assert context["zero"] == place(0.0)
    assert context["distance"] == "kernel distance"


def test_frechet_distances_are_shown_where_all_units_have_one_with_the_floor_added_to_the_interval(folder):
    generated(folder, frechet=6.0)
    context = generations_context(read_run(folder))
    assert context["distance"] == "Fréchet distance"
    distance = context["rows"][0].distance
    # low and high of a lane are of the distance above its floor of 2: 3 and 5
    assert (distance.value, distance.low, distance.high, distance.ceiling) == (6.0, 5.0, 7.0, 14.0)
    assert distance.floor == (1.0, 2.0, 3.0)
    assert context["rows"][0].endless == pytest.approx(4.8)
    assert "endless sounds 4.80" in (build(folder).parent / "generations.html").read_text()
    write_point(folder, "end", [record(folder, "end", u, 8, 0.1, frechet=None if u else 6.0) for u in range(4)])
    assert generations_context(read_run(folder))["distance"] == "kernel distance"


def test_what_was_not_measured_is_left_out_and_not_zero(folder):
    generated(folder, judged=False)
    unit = load_points(folder)[-1].units[0]
    assert distance_of(unit, "frechet") == (None, None, None, (), None)
    data = unit_data([(point, point.units[0]) for point in load_points(folder)])
    assert [point["name"] for point in data["points"]] == ["1", "2", "4", "8", "end"]
    assert data["points"][0]["recognised"]["value"] is None
    text = (build(folder).parent / "generations.html").read_text()
    assert "the independent network hears it" not in text
    assert "skipped: no independent network is configured (independent=RUN)" in text


def other_end(folder, units=(1,), **more):
    """The end, searched again for some units with excerpts of half the length through another prior."""
    prior = {"name": "input space", "trained": False, "note": "untrained: input space"}
    changed = {"seconds": 0.8, "prior": prior, **more}
    write_point(folder, "end", [record(folder, "end", u, 8, 0.12) | changed for u in units])


def test_the_film_leaves_out_points_of_another_prior_or_length_and_says_so(folder):
    generated(folder)
    other_end(folder)
    points = load_points(folder)
    data = unit_data([(point, unit) for point in points for unit in point.units if unit["unit"] == 1])
    assert [point["name"] for point in data["points"]] == ["1", "2", "4", "8"]
    assert data["left_out"] == ["end: 0.8 s, untrained: input space"]
    assert (data["seconds"], data["prior"]["name"]) == (0.8, "input space")  # sections above and below are of the end
    assert data["distance"]["value"] == 0.12
    whole = unit_data([(point, unit) for point in points for unit in point.units if unit["unit"] == 0])
    assert (len(whole["points"]), whole["left_out"]) == (4, [])
    # Where as many points have either, the film is of the later ones.
    for epoch in (2, 4, 8):
        (folder / "generations" / f"epoch_000{epoch}.jsonl").unlink()
    pair = unit_data([(point, unit) for point in load_points(folder) for unit in point.units if unit["unit"] == 1])
    assert [point["name"] for point in pair["points"]] == ["end"]
    said = "epoch 1: 1.6 s, untrained: mean spectrum of 120 held-out excerpts, phases searched"
    assert pair["left_out"] == [said]


def test_more_or_fewer_excerpts_make_no_other_prior_and_another_generator_does(folder):
    generated(folder, epochs=(1, 2))
    untrained = {"name": "spectral", "trained": False, "note": "untrained: mean spectrum of 7 held-out excerpts"}
    other_end(folder, seconds=1.6, prior=untrained)
    points = load_points(folder)
    assert film_of([(point, point.units[-1]) for point in points]).left_out == []
    for point, run in zip(("epoch_0001", "epoch_0002", "end"), ("a", "b", "b"), strict=True):
        trained = {"name": "wavegan", "trained": True, "note": f"trained: model.name=wavegan of run {run}"}
        write_point(folder, point, [record(folder, point, 1, 1, 0.12) | {"prior": trained}])
    film = film_of([(point, point.units[0]) for point in load_points(folder)])
    assert [point.name for point, _ in film.records] == ["epoch_0002", "end"]
    assert film.left_out == ["epoch 1: 1.6 s, trained: model.name=wavegan of run a"]


def test_a_row_with_other_settings_than_the_first_names_them(folder):
    generated(folder)
    other_end(folder)
    rows = generations_context(read_run(folder))["rows"]
    assert [row.other for row in rows] == ["", "0.8 s, untrained: input space", "", ""]
    said = "1.6 s from left to right where a row names no other length"
    assert said in (build(folder).parent / "generations.html").read_text()
    generated(folder)
    assert said not in (build(folder).parent / "generations.html").read_text()


def test_pages_hold_every_unit_its_sounds_and_no_markup_of_names(folder):
    generated(folder)
    interpreted(folder)
    report = build(folder).parent
    text = (report / "generations.html").read_text()
    assert "No trained generator." in text
    assert "window.hacked = 1</script>" not in text
    assert text.count("Generated for ") == 2 * len(CLASSES)
    units = (report / "data" / "generations.js").read_text()
    assert "</script>" not in units
    film = (report / "data" / "generations" / "unit_2.js").read_text()
    assert film.count('"recognised":{') == 5
    assert len(list((report / "data" / "generations").glob("*.wav.js"))) == 4 * 4 + 4 * 3 + 6
    assert (report / "generations" / "0_nearest.png").read_bytes()[:4] == b"\x89PNG"
    page = (report / "generations_interpretations.html").read_text()
    assert "clean sources of the class" in page
    assert "window.hacked = 1</script>" not in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda unit: unit | {"version": 9}, "written by another version"),
        (lambda unit: {k: v for k, v in unit.items() if k != "ceiling"}, "ceiling is missing"),
        (lambda unit: unit | {"chosen": 3}, "lane 3 is chosen of 3"),
        (
            lambda unit: unit | {"examples": [{"nearest": {"file": "../secret.wav"}}]},
            "does not lie in media/generations",
        ),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(folder, change, said):
    write_point(folder, "epoch_0001", [change(record(folder, "epoch_0001", 0, 1, 0.2))])
    with pytest.raises(InputError, match=f"epoch_0001.jsonl: cannot be read: .*{said}.*what=generations"):
        load_points(folder)
    assert said in generations_context(read_run(folder))["problem"]
    assert said in (build(folder).parent / "generations.html").read_text()


def test_an_end_that_is_made_again_is_shown_without_the_points_of_an_earlier_version(folder):
    old = record(folder, "epoch_0001", 0, 1, 0.2) | {"version": 1}
    write_point(folder, "epoch_0001", [old])
    write_point(folder, "end", [record(folder, "end", 0, 16, 0.1) | {"version": 1}])
    with pytest.raises(InputError, match=r"end\.jsonl: .*another version; make it again"):
        load_points(folder)
    write_point(folder, "end", [record(folder, "end", 0, 16, 0.11)])
    assert [point.name for point in load_points(folder)] == ["end"]
    assert points_of_other_versions(folder) == ["epoch_0001"]
    said = "Left out, as another version wrote them: epoch_0001."
    assert said in (build(folder).parent / "generations.html").read_text()
    (folder / "generations" / "epoch_0001.jsonl").write_text("{damaged")
    with pytest.raises(InputError, match=r"epoch_0001\.jsonl"):
        load_points(folder)


def test_a_run_without_generated_sounds_has_no_such_pages(folder):
    assert generations_context(read_run(folder)) is None
    assert not (build(folder).parent / "generations.html").exists()


def test_frequencies_stand_where_the_bands_of_the_front_end_have_their_peaks():
    from configs.schema import FrontEndConfig
    from models.front_end import FrontEnd

    front_end = FrontEnd(FrontEndConfig(sample_rate=22050, n_fft=4096, n_mels=64))
    ticks = dict(band_ticks({"front_end.n_mels": 64, "front_end.sample_rate": 22050}))
    peaks = front_end.filters.argmax(dim=0) * 22050 / 4096  # Hz of each band
    for name, hz in (("500", 500), ("2k", 2000), ("8k", 8000)):
        nearest = int((peaks - hz).abs().argmin())
        assert ticks[name] == pytest.approx((nearest + 0.5) / 64, abs=0.6 / 64)
    assert slaney(1000) == pytest.approx(15)
    assert band_ticks({}) == []
    assert (
        band_ticks({"front_end.n_mels": 64, "front_end.sample_rate": 22050, "front_end.features": "constant_q"}) == []
    )


def test_points_of_interpretations_that_a_resumed_run_takes_again_are_replaced(folder):
    interpreted(folder, epochs=(1, 2, 4))
    again = json.loads(json.dumps(load_interpretations(folder)[1])) | {"n_clips": 99}
    save_interpretations(folder, again)
    points = load_interpretations(folder)
    assert [(p["epoch"], p["end"], p["n_clips"]) for p in points] == [(1, False, 24), (2, False, 99)]


def test_interpretations_of_an_earlier_version_do_not_stop_a_run_that_goes_on(folder):
    interpreted(folder, epochs=(1, 2))
    point = load_interpretations(folder)[-1]
    path = folder / FILE
    path.write_text(path.read_text().replace('"version": 2', '"version": 1'))
    with pytest.raises(InputError, match="another version"):
        load_interpretations(folder)
    with pytest.warns(UserWarning, match="points of another version are left out"):
        save_interpretations(folder, point | {"version": 2, "epoch": 3})
    assert [p["epoch"] for p in load_interpretations(folder)] == [3]
    path.write_text("{damaged")
    with pytest.raises(InputError, match="cannot be read"):
        save_interpretations(folder, point)


def test_means_over_classes_stand_beside_their_floors_and_what_is_missing_has_no_table(folder):
    interpreted(folder, stems=False, judge=False)
    points = load_interpretations(folder)
    only = tables(points[-1])
    assert [table["to"] for table in only] == ["real clips of the class"]
    assert [mean[0] for mean in only[0]["means"]] == pytest.approx([0.01, 0.2, 0.45])
    assert only[0]["means"][1] == pytest.approx([0.2, 0.16, 0.24])
    drawn = charts(points)
    assert [line["name"] for line in drawn[0]["series"]] == ["floor", "interpretation", "random mask"]
    assert [x for x, _ in drawn[0]["series"][0]["points"]] == [1, 2, 4]


def test_frechet_distances_of_interpretations_stand_beside_their_masks_and_floors(folder):
    interpreted(folder, stems=False, judge=False, frechet=True)
    generated(folder)
    kernel, frechet = tables(load_interpretations(folder)[-1])
    assert (kernel["measure"], len(kernel["rows"])) == ("kernel distance", 4)
    assert kernel["means"][1] == pytest.approx([0.2, None, None])  # a class of two recordings has no interval
    assert (frechet["measure"], len(frechet["rows"])) == ("Fréchet distance", 2)  # classes of enough recordings
    assert frechet["heads"] == ["floor", "interpretation", "random mask"]
    assert frechet["means"] == [pytest.approx([20 * v, 18 * v, 22 * v]) for v in (0.01, 0.2, 0.45)]
    text = (build(folder).parent / "generations_interpretations.html").read_text()
    assert "Fréchet distance to real clips of the class" in text
    assert "<td>4.00 <small>3.60 to 4.40</small></td>" in text
    assert "<td>0.20</td>" in text
