"""Small generators learn words whose codes an independent classifier tells apart: 90 % and more."""

from pathlib import Path

import pytest

from configs.compose import compose
from train import train


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "figure"), [("ciwgan", "code_accuracy"), ("fiwgan", "bit_accuracy")])
def test_codes_of_a_small_generator_are_heard(kind: str, figure: str, tmp_path: Path) -> None:
    shared = [f"output={tmp_path}", "logger.wandb=disabled", "trainer.progress=false", "trainer.accelerator=cpu"]
    words = compose([f"experiment=words_{kind}"]).data.words  # type: ignore[attr-defined]
    spelled = f"data.words=[{','.join(words)}]"
    judge = train(compose(["experiment=words_classifier", spelled, *shared]))
    assert judge["test/accuracy"] > 0.99
    summary = train(compose([f"experiment=words_{kind}", f"model.judge={judge['run']}", *shared]))
    assert summary["test/judge_accuracy"] > 0.99
    assert summary[f"test/{figure}"] >= 0.9
