"""Which classifiers a benchmark explains, and by which runs: one block for each classifier."""

import glob
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from configs.errors import CommandError, InputError
from interpretability.listening.explained_classifier import ExplainedClassifier
from models.explained import explained_classifier
from models.nmf_bottleneck import NMFBottleneck
from models.run_loading import LoadedRun, load_run
from report.run_folder import RunFolder

TITLES = {"by_design": "By-design model", "black_box": "Black-box model"}


@dataclass(eq=False)
class Block:
    """A classifier and the runs that explain it.

    Attributes:
        key: what is pooled over folds goes by this name.
        title: for people.
        run: whose classifier is explained, and whose test clips are used.
        f: the classifier.
        own: runs with components whose explanations are the project's own.
        decoders: runs of mask decoders (L-MAC).
        stand_in: run of the by-design twin, whose explanation sets the mask energy where `own` is empty.
    """

    key: str
    title: str
    run: LoadedRun
    f: ExplainedClassifier
    own: list[LoadedRun] = field(default_factory=list)
    decoders: list[LoadedRun] = field(default_factory=list)
    stand_in: LoadedRun | None = None


def run_paths(text: str | None) -> list[Path]:
    """Return the run folders that a setting names, separated by commas, patterns filled in.

    Raises:
        CommandError: A pattern that fits nothing.
    """
    found: list[Path] = []
    for entry in filter(None, (part.strip() for part in (text or "").split(","))):
        if not glob.has_magic(entry):
            found.append(Path(entry).expanduser())
            continue
        pattern = Path(entry).expanduser()
        root = Path(pattern.anchor or ".")
        places = sorted(root.glob(str(pattern.relative_to(root) if pattern.anchor else pattern)))
        runs = [place for place in places if (place / "config.yaml").is_file()]
        if not runs:
            raise CommandError(f"{entry}: fits no run folder")
        found += [place for place in runs if not place.name.endswith("-black_box")] or runs  # twins come with runs
    return found


def fingerprint(run: LoadedRun) -> str:
    """Return a hash of the checkpoint that a run was loaded from."""
    file = RunFolder(run.path).best if run.path.is_dir() else run.path
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def blocks_of(
    path: Path, post_hoc: Sequence[LoadedRun], lmac: Sequence[LoadedRun], with_twin: bool, device: str
) -> list[Block]:
    """Return the blocks of one run: the run itself, and its twin.

    Raises:
        CommandError: No such run.
        InputError: A run that cannot be used, or one without components that no interpreter explains.
    """
    run = load_run(path, device)
    if getattr(run.model, "classifier", None) is not None:
        raise InputError(f"{path}: is an interpreter itself; give run=RUN of its classifier and post_hoc={path}")
    blocks = [_block(run)]
    twin = twin_of(path) if with_twin else None
    if twin is not None:
        blocks.append(_block(load_run(twin, device)))
    for block in blocks:
        if isinstance(getattr(block.run.model, "bottleneck", None), NMFBottleneck):
            block.own.append(block.run)
        block.own += [other for other in post_hoc if explains(other, block.run)]
        block.decoders += [other for other in lmac if explains(other, block.run)]
    if not blocks[0].own:
        name = run.config.model.name
        raise InputError(
            f"{path}: model.name={name} has no components; give post_hoc=RUN of an interpreter that explains it "
            f"(python train.py model.name=post_hoc model.explains={path})"
        )
    for block in blocks[1:]:
        block.stand_in = None if block.own else run
    return blocks


def _block(run: LoadedRun) -> Block:
    key = run.config.model.name
    return Block(key, TITLES.get(key, key), run, explained_classifier(run.model))


def twin_of(path: Path) -> Path | None:
    """Return the folder of a run's black-box twin, or None where there is none."""
    summary = RunFolder.open(path).read_summary() or {}
    named = summary.get("twin/run")
    beside = path.with_name(f"{path.name}-black_box")
    for place in (Path(str(named)) if named else beside, beside):
        if (place / "config.yaml").is_file():
            return place
    return None


def explains(interpreter: LoadedRun, run: LoadedRun) -> bool:
    """Whether an interpreter was made for the classifier of a run: whether it carries the same weights."""
    inner = getattr(interpreter.model, "classifier", None)
    if not isinstance(inner, torch.nn.Module):
        return False
    theirs, ours = inner.state_dict(), run.model.state_dict()
    shared = theirs.keys() & ours.keys()
    return len(shared) == len(ours) and all(torch.equal(theirs[key], ours[key]) for key in shared)


def check_used(blocks: Sequence[Block], given: Sequence[LoadedRun]) -> None:
    """Refuse interpreters that explain none of the classifiers.

    Raises:
        InputError: With the name of the first of them.
    """
    used = {id(run) for block in blocks for run in (*block.own, *block.decoders)}
    for run in given:
        if id(run) not in used:
            raise InputError(f"{run.path}: explains neither the run nor its twin, but another classifier")
