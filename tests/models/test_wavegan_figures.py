"""Small generators learn words whose codes independent classifiers tell apart: 90 % and more."""

from pathlib import Path

import pytest
import torch

from configs.compose import compose
from models.gan_judge import load_judge
from models.gan_loading import load_generator
from models.gan_scores import code_scores
from train import train

N_JUDGES, N_CLIPS = 2, 1024


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ciwgan", "fiwgan"])
def test_codes_of_a_small_generator_are_heard(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody hears the generator while it trains: its last epoch is scored, by each of the classifiers."""
    shared = [f"output={tmp_path}", "logger.wandb=disabled", "trainer.progress=false", "trainer.accelerator=cpu"]
    config = compose([f"experiment=words_{kind}", *shared])
    assert config.trainer.monitor == "train/generator_steps"
    run = load_generator(str(train(config)["run"]))
    made, categories = run.model.generate(N_CLIPS, seed=0)
    assert categories is not None
    assert run.model.codes is not None
    names = run.model.class_names
    for seed in range(1, 1 + N_JUDGES):
        words = [f"data.words=[{','.join(names)}]", f"data.word_seed={seed}"]
        judge = train(compose(["experiment=words_classifier", f"seed={seed}", *words, *shared]))
        assert judge["test/accuracy"] > 0.99
        heard = load_judge(str(judge["run"]), names, run.model.sample_rate).hear(made)
        found = code_scores(run.model.codes, categories, heard, len(names))
        figure = found.accuracy if found.bits is None else found.bits
        with capsys.disabled():
            counts = torch.bincount(heard, minlength=len(names)).tolist()
            print(f"\n{kind}, {run.model.n_steps} steps, classifier {seed}: {figure:.3f} of {found.n}; heard {counts}")
        assert figure >= 0.9
