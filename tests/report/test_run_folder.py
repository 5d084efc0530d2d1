import multiprocessing
from pathlib import Path

import pytest

from configs.errors import CommandError, InputError
from report.run_folder import RunFolder, replace_file


def test_a_new_run_has_its_own_folder(tmp_path: Path) -> None:
    first, second = (RunFolder.create(str(tmp_path), "some/where/mine.yaml", None) for _ in range(2))
    assert first.path != second.path
    assert first.path.parent == tmp_path / "mine"
    assert first.last.parent.is_dir()
    assert RunFolder.create(str(tmp_path), "x", "a") == RunFolder.at(str(tmp_path), "x", "a")


def test_an_existing_run_id_is_refused_and_resume_suggested(tmp_path: Path) -> None:
    RunFolder.create(str(tmp_path), "x", "a")
    with pytest.raises(CommandError, match=rf"run_id=a: {tmp_path}/x/a exists; continue it with resume={tmp_path}/x/a"):
        RunFolder.create(str(tmp_path), "x", "a")


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"output=.*file: cannot make the run folder .*") as refused:
        RunFolder.create(str(tmp_path / "file"), "x", "a")
    assert refused.value.exit_code == 1
    with pytest.raises(InputError, match="output=/proc"):
        RunFolder.create("/proc/none", "x", "a")


def test_only_a_run_folder_can_be_opened(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not a run folder"):
        RunFolder.open(tmp_path)


def test_summaries_are_read_as_written(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.read_summary() is None
    folder.write_summary({"test/accuracy": 0.1 + 0.2, "model": "é"})
    assert folder.read_summary() == {"test/accuracy": 0.1 + 0.2, "model": "é"}


@pytest.mark.parametrize("damaged", [b'{"test/n": 1', b"[1]", b"\xff\xfe", b""])
def test_a_damaged_summary_is_named(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "summary.json").write_bytes(damaged)
    with pytest.raises(InputError, match=r"summary\.json: cannot be read"):
        RunFolder(tmp_path).read_summary()


def test_a_run_that_never_started_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = RunFolder.create(str(tmp_path), "x", "a")
    started = RunFolder.create(str(tmp_path), "x", "b")
    started.last.write_bytes(b"checkpoint")
    for each in (folder, started):
        each.discard_unstarted()
    assert not folder.path.exists()
    assert started.last.is_file()


def test_replacing_a_file_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    replace_file(path, b"old")

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_several_processes_may_replace_one_file_at_once(tmp_path: Path) -> None:
    path, contents = tmp_path / "table.json", [bytes([number]) * 50_000 for number in (1, 2, 3)]

    def writes(content: bytes) -> None:
        for _ in range(30):
            replace_file(path, content)

    processes = [multiprocessing.get_context("fork").Process(target=writes, args=(content,)) for content in contents]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]
