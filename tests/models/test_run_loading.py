"""A run comes back as it was trained, and what cannot be loaded is refused in one line."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import yaml

from configs.errors import CommandError, InputError
from models.checkpoint_file import read_checkpoint
from models.run_loading import load_run


def sound(n=22050):
    return torch.rand(n, generator=torch.Generator().manual_seed(0)) - 0.5


def edit(folder, change):
    path = folder / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, path)


def test_a_run_comes_back_in_eval_mode_with_its_names(untrained_run):
    folder = untrained_run(class_names=('a "quoted" <b>name</b>', "ירח", "c"))
    run = load_run(str(folder))
    stored = read_checkpoint(folder / "checkpoints" / "best.ckpt")["state_dict"]
    assert not any(part.training for part in run.model.modules())
    assert run.class_names[1] == "ירח"
    assert run.sample_rate == 22050
    assert all(torch.equal(value, stored[name]) for name, value in run.model.state_dict().items())


def test_a_run_explains_tensors_and_arrays(untrained_run):
    run = load_run(untrained_run())
    said = run.explain(sound().numpy().astype(np.float64))
    torch.testing.assert_close(said.logits, run.explain(sound()).logits)
    assert len(run.explain(torch.stack([sound(), -sound()]))) == 2


def test_an_edited_run_is_a_checkpoint_that_loads_everywhere(untrained_run, tmp_path):
    folder = untrained_run()
    run = load_run(folder)
    run.apply_gains([0, 1, 1, 2, 1, 1, 1, 1])
    edited = tmp_path / "somewhere" / "edited.ckpt"
    run.save(edited)
    expected = run.explain(sound()).logits
    assert torch.equal(load_run(edited).explain(sound()).logits, expected)
    assert not torch.equal(load_run(folder).explain(sound()).logits, expected)
    by_lightning = load_run(folder).model
    by_lightning.test_step = lambda batch: None
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
    loader = torch.utils.data.DataLoader([0])
    trainer.test(by_lightning, loader, ckpt_path=str(edited), weights_only=True, verbose=False)
    assert torch.equal(by_lightning.eval()(sound()[None]), expected)
    with pytest.raises(InputError, match="exists; choose another name"):
        run.save(edited)


def test_a_black_box_loads_and_says_that_it_has_no_components(untrained_run):
    run = load_run(untrained_run(**{"model.name": "black_box"}))
    assert run.model(sound()[None]).shape == (1, 3)
    with pytest.raises(InputError, match=r"model\.name=black_box has no components"):
        run.explain(sound())


def test_a_folder_that_is_no_run_is_a_wrong_command(tmp_path):
    with pytest.raises(CommandError, match="not a run folder"):
        load_run(tmp_path)
    with pytest.raises(CommandError, match="not a run folder"):
        load_run(tmp_path / "nowhere")


def test_a_run_without_a_finished_checkpoint(untrained_run):
    folder = untrained_run()
    (folder / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(InputError, match=r"no finished checkpoint .*train\.py resume="):
        load_run(folder)


def test_truncated_and_foreign_checkpoints(untrained_run):
    folder = untrained_run()
    path = folder / "checkpoints" / "best.ckpt"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="truncated or damaged"):
        load_run(folder)
    path.write_bytes(whole)
    edit(folder, lambda c: c["soundglass"].update(format=99))
    with pytest.raises(InputError, match="format 99"):
        load_run(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("hyper_parameters"), "'hyper_parameters' is missing"),
        (lambda c: c["hyper_parameters"]["config"]["model"].update(n_components=9), "weights do not fit"),
        (lambda c: c["hyper_parameters"]["config"]["model"].update(bogus=9), "another version"),
    ],
)
def test_checkpoints_that_do_not_fit_are_refused_in_one_line(untrained_run, change, message):
    folder = untrained_run()
    edit(folder, change)
    with pytest.raises(InputError, match=message) as caught:
        load_run(folder)
    assert "\n" not in str(caught.value)


def test_another_front_end_in_the_configuration_is_refused_by_name(untrained_run):
    folder = untrained_run()
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["front_end"]["hop_length"] = 256
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(InputError, match=r"front_end\.hop_length=256, but .* trained with front_end\.hop_length=512"):
        load_run(folder)
