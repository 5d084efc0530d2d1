"""A report is built from whatever a run folder holds, in one folder, and never in somebody else's."""

import json
import multiprocessing

import pytest

from configs.errors import CommandError, InputError
from report.build import MARK, PAGES, build, build_comparison, main, write
from report.page import Page


def write_summary(folder, **values):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(
        json.dumps({"test/accuracy": 0.8, "test/n": 100, "model": "by_design"} | values)
    )
    return folder


def test_full_run_has_every_page_and_only_known_files(untrained):
    run = untrained()
    clip = run.add("clip")
    write_summary(run.folder)
    (run.folder / "metrics.csv").write_text("step,epoch,val/loss\n1,0,2\n2,1,1\n")
    index = build(run.folder)
    assert index == run.folder / "report" / "index.html"
    added = {"explanations.html", "sanity.html", "unlearning.html", "units.html", "unit.html"}  # by other instruments
    others = ("layers", "generation")
    pages = {page.file for page in PAGES if page.file not in added and not page.file.startswith(others)}
    assert {path.name for path in index.parent.glob("*.html")} == pages
    assert (index.parent / "data" / "clip" / f"{clip.key}.js").is_file()
    for page in pages:
        text = index.with_name(page).read_text(encoding="utf-8")
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text


def test_names_are_escaped_in_pages_and_data(untrained):
    run = untrained()
    run.add("</script><script>alert(1)</script>.wav")
    index = build(run.folder)
    for path in index.parent.rglob("*"):
        if path.suffix in (".html", ".js") and path.parent.name != "assets":
            text = path.read_text(encoding="utf-8")
            assert "<script>alert" not in text
            assert "<script>window.hacked" not in text
            assert "<img src=x" not in text
            assert text.count("</script>") == text.count("<script ")


def test_empty_folder_still_opens(tmp_path):
    index = build(tmp_path)
    assert {path.name for path in index.parent.glob("*.html")} == {"index.html", "run.html"}
    assert "no test score yet" in index.read_text(encoding="utf-8")


def test_damaged_files_are_named_and_left_out(untrained):
    run = untrained()
    clip = run.add("good")
    write_summary(run.folder)
    (run.folder / "summary.json").write_text("{")
    (run.folder / "config.yaml").write_text("a: [")
    (run.folder / "component_names.json").write_text("[]")
    (run.folder / "media" / "listening" / "clips" / "bad.npz").write_bytes(b"PK no archive")
    text = build(run.folder).read_text(encoding="utf-8")
    for name in ("summary.json", "config.yaml", "component_names.json", "bad.npz"):
        assert f"{name} cannot be read" in text
    assert clip.key in text


def test_clip_of_another_model_is_left_out(untrained):
    import dataclasses

    from report.explained import save_clip

    run = untrained()
    clip = run.add("good")
    save_clip(run.folder, dataclasses.replace(clip, name="other", activations=clip.activations[:5]))
    text = build(run.folder).with_name("run.html").read_text(encoding="utf-8")
    assert "clip other was explained by another model" in text


def test_rebuilding_removes_what_is_gone(untrained):
    run = untrained()
    gone, kept = run.add("gone"), run.add("kept")
    data = build(run.folder).parent / "data" / "clip"
    assert (data / f"{gone.key}.js").is_file()
    (run.folder / "media" / "listening" / "clips" / f"{gone.key}.npz").unlink()
    build(run.folder)
    assert {path.name for path in data.iterdir()} == {f"{kept.key}.js", f"{kept.key}.png"}


def test_explanations_may_lie_elsewhere(untrained, tmp_path):
    run = untrained()
    clip = run.add("clip")
    trained = write_summary(tmp_path / "trained")
    index = build(trained, tmp_path / "out", explanations=run.folder)
    text = index.read_text(encoding="utf-8")
    assert "80.0 %" in text
    assert clip.key in text


def test_folder_of_somebody_else_is_never_replaced(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    run = write_summary(tmp_path / "run")
    with pytest.raises(CommandError, match="not a report"):
        build(run, mine)
    assert (mine / "thesis.txt").read_text() == "years of work"
    assert not list(tmp_path.glob(".*partial"))
    with pytest.raises(CommandError, match="not a report"):
        build(run, mine / "thesis.txt")


def test_an_error_leaves_the_earlier_report_alone(tmp_path):
    run = write_summary(tmp_path / "run")
    index = build(run)

    def fail(contents):
        raise OSError(28, "No space left on device")
        yield

    broken = (*PAGES, Page("x.html", "X", "run.html.j2", PAGES[-1].context, fail))
    with pytest.raises(InputError, match="No space left"):
        build(run, pages=broken)
    assert index.is_file()
    assert (index.parent / MARK).is_file()
    assert [path.name for path in run.iterdir() if path.name.startswith(".")] == []


def test_a_further_page_joins_the_menu(tmp_path):
    run = write_summary(tmp_path / "run")
    page = Page("layers.html", "Layers & <units>", "run.html.j2", PAGES[-1].context)
    text = build(run, pages=(*PAGES, page)).read_text(encoding="utf-8")
    assert '<a href="layers.html">Layers &amp; &lt;units&gt;</a>' in text


def test_comparison_needs_two_runs_and_shows_what_differs(tmp_path):
    one = write_summary(tmp_path / "a" / "one", **{"test/accuracy": 0.5})
    two = write_summary(tmp_path / "b" / "two")
    (one / "config.yaml").write_text("experiment: a\nseed: 0\nmodel:\n  n_components: 8\n")
    (two / "config.yaml").write_text("experiment: b\nseed: 0\nmodel:\n  n_components: 64\n  only_here: 3\n")
    build(two)
    with pytest.raises(CommandError, match="two runs"):
        build_comparison([one], tmp_path / "out")
    text = build_comparison([one, two], tmp_path / "out").read_text(encoding="utf-8")
    assert "model.n_components" in text
    assert ">seed<" not in text
    assert "only_here" not in text
    assert "50.0 %" in text
    assert "80.0 %" in text
    assert 'href="../b/two/report/index.html"' in text


def test_command_line(tmp_path, capsys):
    run = write_summary(tmp_path / "run")
    assert main([str(run)]) == 0
    assert capsys.readouterr().out.strip() == str(run / "report" / "index.html")
    assert main([str(tmp_path / "missing")]) == 1
    assert main([str(run), str(run)]) == 2
    assert "error: a comparison needs --output" in capsys.readouterr().err


def test_several_processes_may_write_one_report_at_once(tmp_path):
    def writes(number):
        for _ in range(15):
            write([("index.html", b"%d" % number)], tmp_path / "report")

    processes = [multiprocessing.get_context("fork").Process(target=writes, args=(number,)) for number in (1, 2, 3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "report" / "index.html").read_bytes() in (b"1", b"2", b"3")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
