"""Every row of the survey's table of command-line behaviours, and the speed and lightness of the answers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from configs.compose import Printout, compose, from_command_line, parse
from configs.errors import CommandError
from configs.schema import BlackBoxConfig, ByDesignConfig, Config, Esc50Data, SoundScenesData

REPOSITORY = Path(__file__).resolve().parents[2]

SCRIPT = """
import sys, time
from configs.compose import from_command_line
from configs.errors import InputError
code = 0
try:
    from_command_line(sys.argv[1:])
except InputError as error:
    print(f"error: {error}", file=sys.stderr)
    code = error.exit_code
except SystemExit as end:
    code = end.code
heavy = [name for name in ("torch", "pytorch_lightning", "wandb", "numpy") if name in sys.modules]
assert not heavy, heavy
assert time.process_time() < 1.0, time.process_time()
sys.exit(code)
"""

REFUSED = {
    "unknown key": ("trainer.max_epoch=3", ["trainer.max_epoch", "'trainer.max_epochs'"]),
    "unknown group": ("trainr.max_epochs=3", ["trainr.max_epochs", "'trainer.max_epochs'"]),
    "key without its group": ("max_epochs=3", ["max_epochs", "'trainer.max_epochs'"]),
    "word for int": ("trainer.max_epochs=three", ["trainer.max_epochs=three", "expected int"]),
    "float for int": ("trainer.max_epochs=3.5", ["trainer.max_epochs=3.5", "expected int"]),
    "bool for int": ("trainer.max_epochs=yes", ["trainer.max_epochs=yes", "expected int"]),
    "exponent for int": ("trainer.max_epochs=1e3", ["trainer.max_epochs=1e3", "expected int", "1000"]),
    "word outside a choice": ("logger.wandb=Offline", ["logger.wandb=Offline", "offline, online, disabled"]),
    "YAML's false as a choice": ("logger.wandb=off", ["logger.wandb=off", "offline, online, disabled"]),
    "no equals sign": ("trainer.max_epochs", ["trainer.max_epochs", "needs key=value"]),
    "dashes, no equals sign": ("--trainer.max_epochs", ["trainer.max_epochs", "needs key=value"]),
    "nothing for str": ("output=", ["output=", "expected str", "nothing"]),
    "list item in brackets": ("logger.tags[0]=9", ["logger.tags", "give the whole list"]),
    "list item after a dot": ("logger.tags.0=9", ["logger.tags", "give the whole list"]),
    "one value for a list": ("logger.tags=a", ["logger.tags=a", "expected list", "logger.tags=[a]"]),
    "interpolation of a missing key": ("seed=${trainer.max_epoch}", ["seed", "trainer.max_epoch", "not found"]),
    "interpolation that does not end": ("seed=${", ["seed=${"]),
    "missing value": ("seed=???", ["missing: seed"]),
    "broken YAML": ("logger.tags=[a", ["logger.tags=[a", "YAML"]),
    "value for a group": ("model=black_box", ["'model' is a group", "model.name=black_box"]),
    "nothing for a group": ("trainer=", ["'trainer' is a group"]),
    "key below a value": ("seed.x=3", ["seed.x", "single value"]),
    "key of another component": ("data.fold=3", ["data.fold", "data.name=esc50"]),
    "unknown key in a mapping": ("model.nmf={rank: 5}", ["model.nmf.rank", "--help model.nmf"]),
    "unknown component": ("model.name=bydesign", ["model.name=bydesign", "'by_design'", "black_box"]),
    "unknown callback": ("callbacks.fad.enabled=true", ["callbacks.fad.enabled", "no such callback"]),
    "unknown experiment": ("experiment=esc10_by_desing", ["esc10_by_desing", "'esc10_by_design'"]),
    "experiment file that is not there": ("experiment=mine.yaml", ["mine.yaml", "no such file"]),
    "unknown option": ("--lst", ["--lst", "'--list'"]),
    "Hydra's plus": ("+seed=3", ["+seed"]),
    "no key": ("=3", ["=3"]),
    "plugins that are no list": ("plugins=mine", ["plugins=mine", "list"]),
    "resume of no run": ("resume=nowhere", ["resume=nowhere", "config.yaml"]),
    "group of the help": ("--help=trainr", ["trainr", "'trainer'"]),
}


@pytest.mark.parametrize(("argument", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_in_one_line_that_names_the_key(argument: str, words: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        from_command_line([argument])
    message = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in message
    assert len(message) < 240
    assert not [word for word in words if word not in message], message


def test_missing_settings_are_reported_all_at_once() -> None:
    with pytest.raises(CommandError, match=r"missing: output, seed, trainer\.devices"):
        compose(["trainer.devices=???", "seed=???", "output=???"])


def test_dashes_are_stripped() -> None:
    assert compose(["--trainer.max_epochs=3"]).trainer.max_epochs == 3


def test_a_key_given_twice_warns_and_the_last_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert compose(["seed=1", "seed=2"]).seed == 2
    assert capsys.readouterr().err == "warning: seed is given more than once; the last one counts, 2\n"
    compose(["seed=1", "trainer.devices=2"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("text", ["010", "yes", "off", "1e3", "2026-01-01", "a: b", "#1", "a=b", "[x", "1_000"])
def test_text_stays_as_it_is_typed(text: str) -> None:
    assert compose([f"run_id={text}"]).run_id == text


def test_numbers_are_read_as_people_write_them() -> None:
    config = compose(["trainer.max_epochs=010", "optimizer.learning_rate=4e-3", "data.seconds=3"])
    assert config.trainer.max_epochs == 10
    assert config.optimizer.learning_rate == 0.004
    assert isinstance(config.data.seconds, float)


def test_a_share_and_a_number_of_batches_stay_apart() -> None:
    config = compose(["trainer.limit_train_batches=1", "trainer.limit_val_batches=1.0"])
    assert isinstance(config.trainer.limit_train_batches, int)
    assert isinstance(config.trainer.limit_val_batches, float)


@pytest.mark.parametrize("word", ["none", "null", "None", ""])
def test_none_where_it_is_allowed(word: str) -> None:
    assert compose([f"data.seconds={word}"]).data.seconds is None


def test_a_mapping_changes_only_what_it_names() -> None:
    model = compose(["model.nmf={updates: 5, beta: 2}"]).model
    assert isinstance(model, ByDesignConfig)
    assert (model.nmf.updates, model.nmf.beta, model.nmf.frames) == (5, 2.0, 20000)


def test_interpolation_takes_the_other_key() -> None:
    assert compose(["seed=${trainer.max_epochs}", "trainer.max_epochs=7"]).seed == 7


def test_no_arguments_give_the_default_experiment() -> None:
    config = compose([])
    assert config == compose(["experiment=sound_scenes_by_design"])
    assert isinstance(config.data, SoundScenesData)


def test_an_experiment_without_differences_is_the_schema(tmp_path: Path) -> None:
    (tmp_path / "sound_scenes_by_design.yaml").write_text("")
    assert compose([f"experiment={tmp_path / 'sound_scenes_by_design.yaml'}"]) == Config()


def test_command_line_beats_experiment_beats_schema() -> None:
    paper = compose(["experiment=esc50_paper", "data.root=somewhere", "front_end.n_mels=96"])
    assert (paper.front_end.n_mels, paper.front_end.sample_rate, paper.front_end.hop_length) == (96, 44100, 512)
    assert isinstance(paper.data, Esc50Data)
    assert paper.experiment == "esc50_paper"


def test_another_component_leaves_behind_what_the_file_said_of_the_first() -> None:
    config = compose(["experiment=esc50_paper", "data.root=x", "model.name=black_box"])
    assert config.model == BlackBoxConfig()
    with pytest.raises(CommandError, match=r"model\.n_components: it belongs to model\.name=by_design"):
        compose(["model.name=black_box", "model.n_components=3"])


def test_an_experiment_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("# mine\ntrainer.max_epochs: 3\ncallbacks:\ndata:\n  seconds: none\n")
    config = compose([f"experiment={file}"])
    assert (config.experiment, config.trainer.max_epochs, config.data.seconds) == ("mine", 3, None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("trainer:\n  max_epoch: 3\n", "'trainer.max_epochs'"),
        ("trainer:\n  max_epochs: 1e3\n", "expected int; write 1000"),
        ("trainer: [1\n", "is not valid YAML"),
        ("seed: 1\nseed: 2\n", "duplicate key seed"),
        ("- a\n- b\n", "must hold settings"),
    ],
)
def test_a_file_is_checked_like_the_command_line_and_named(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(CommandError) as caught:
        compose([f"experiment={file}"])
    assert str(caught.value).startswith(str(file))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_print_config_is_the_resolved_configuration() -> None:
    from omegaconf import OmegaConf

    answer = parse(["--print-config", "seed=${trainer.max_epochs}"])
    assert isinstance(answer, Printout)
    assert OmegaConf.create(answer.text).seed == compose([]).trainer.max_epochs


def test_a_verb_prints_and_exits_with_zero(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        from_command_line(["--help", "optimizer"])
    assert end.value.code == 0
    assert "optimizer.warmup_share: float = 0.1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--list"], 0),
        (["--print-config", "experiment=esc50_paper", "data.root=x"], 0),
        (["trainer.max_epochs=three"], 2),
        (["trainer.max_epochs"], 2),
    ],
)
def test_answers_in_a_second_without_torch(arguments: list[str], code: int) -> None:
    """Processor time is what is bounded (inside the script): a busy machine must not fail the test."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == (1 if code else 0), done.stderr
    assert bool(done.stdout) == (code == 0)


def test_a_reader_that_stops_early_is_no_error() -> None:
    script = "import sys; from configs.compose import from_command_line; from_command_line(['--help'])"
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ([], 1.024),
        (["model.size=small"], 0.256),
        (["model.size=small", "front_end.sample_rate=8000"], 0.512),
        (["model.n_samples=65536"], 4.096),
        (["model.name=black_box", "trainer.gradient_clip=5"], 1.024),
        (["model.name=spectrogram_gan", "model.size=small", "model.frames=32"], 1.024),  # has sizes of its own
    ],
)
def test_digits_are_as_long_as_what_their_generator_makes(more: list[str], seconds: float) -> None:
    for kind in ("wavegan", "ciwgan", "fiwgan"):
        config = compose([f"experiment=digits_{kind}", "data.root=x", *more])
        assert config.data.seconds == seconds


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["data.seconds=0.5"], "set data.seconds=1.024"),
        (["model.size=small", "data.seconds=0.5"], "set data.seconds=0.256"),
        (["front_end.sample_rate=0"], "front_end.sample_rate=0 must be"),
    ],
)
def test_a_length_that_does_not_fit_a_generator_is_answered_with_the_words_to_type(more: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=re.escape(said)):
        compose(["experiment=digits_ciwgan", "data.root=x", *more])
