"""Audio spectrogram transformer (Gong et al. 2021) through the optional package transformers."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from configs.errors import InputError
from configs.schema import SpectrogramTransformerConfig
from models.backbones import Backbone, BackboneOutput, keep_sound
from models.published_weights import PublishedWeights, file_hash, read_folder_config, take_weights

EXTRA_TOKENS = 2  # the class token and the distillation token stand before the patches
SPREAD = 0.5  # standard deviation of the features that the published network hears, at mean 0
POSITIONS = "embeddings.position_embeddings"
PUBLISHED_BINS, PUBLISHED_FRAMES = 128, 1024
SIZES = {
    "hidden_size": "width",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "patch_size": "patch",
    "frequency_stride": "stride",
    "time_stride": "stride",
}
"""Entry of a checkpoint's config.json -> our setting, which must agree."""


class SpectrogramTransformer(Backbone):
    """Square patches of the log-mel spectrogram, read by a transformer and laid back on their frequency-time grid.

    Maps are the patch tokens after a third, two thirds and all of the layers, named as the package's layers,
    `encoder.layer.N`: (B, D, F', T'). The embedding is the mean of class and distillation token, as published.

    Every input is filled up with silence to `backbone.frames`, so that padding a clip changes nothing. Features are
    brought to mean 0 and standard deviation 0.5 by running statistics of this run's front end; they are not exactly
    those of the published network (16 kHz, 25 ms windows, HTK mel bands), so that it wants fine-tuning.

    Raises:
        InputError: The package is not installed.
    """

    def __init__(self, config: SpectrogramTransformerConfig, n_mels: int) -> None:
        super().__init__()
        transformers = package()
        self.settings, self.n_mels = config, n_mels
        self.input_norm = nn.BatchNorm2d(1, affine=False)
        shape = transformers.ASTConfig(
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=4 * config.width,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
            patch_size=config.patch,
            frequency_stride=config.stride,
            time_stride=config.stride,
            max_length=config.frames,
            num_mel_bins=n_mels,
        )
        self.net = transformers.ASTModel(shape)
        self.grid = grid_of(n_mels, config.frames, config.patch, config.stride)
        self.read_after = sorted({max(1, round(config.layers * share / 3)) for share in (1, 2, 3)})
        if config.frozen:
            self.net.requires_grad_(False)
            self.frozen = True

    def train(self, mode: bool = True) -> "SpectrogramTransformer":
        """Enter training mode; where frozen, only the statistics of the input go on being measured."""
        super().train(mode)
        self.input_norm.train(mode)
        return self

    def load_published(self) -> None:
        """Take the checkpoint in the folder `backbone.weights`; nothing is fetched from anywhere.

        Position embeddings of another grid are interpolated to this one, as the authors do for clips of other lengths.

        Raises:
            InputError: No such folder, sizes other than in our settings, or a weight that is missing or foreign.
        """
        if self.settings.weights is None:
            return
        folder = Path(self.settings.weights).expanduser()
        facts = read_folder_config(folder, "audio-spectrogram-transformer", "backbone.weights")
        check_sizes(folder, facts, self.settings)
        weights = read_folder(folder)
        bins, frames = facts.get("num_mel_bins", PUBLISHED_BINS), facts.get("max_length", PUBLISHED_FRAMES)
        theirs = grid_of(bins, frames, self.settings.patch, self.settings.stride)
        weights[POSITIONS] = regrid(weights[POSITIONS], theirs, self.grid)
        hashes = ", ".join(f"{file.name} {file_hash(file)}" for file in weight_files(folder))
        take_weights(self.net, PublishedWeights(folder, hashes, weights), weights)

    def forward(self, features: Tensor, n_frames: Tensor | None = None) -> BackboneOutput:
        """Maps (B, D, F', T') of the patches that begin within the clip; embedding (B, D)."""
        total, frames = features.shape[-1], self.settings.frames
        if total > frames:
            raise InputError(
                f"a clip has {total} frames, more than backbone.frames={frames}; raise it or cut the clips"
            )
        x = SPREAD * self.input_norm(features)
        if n_frames is not None:
            x = keep_sound(x, torch.arange(total, device=x.device) < n_frames[:, None])
        x = F.pad(x, (0, frames - total)).squeeze(1).transpose(1, 2)
        output = self.net(input_values=x, output_hidden_states=True)
        steps = min(self.grid[1], max(1, -(-total * self.grid[1] // frames)))
        maps = {
            f"encoder.layer.{number - 1}": self.on_grid(output.hidden_states[number])[..., :steps]
            for number in self.read_after
        }
        return BackboneOutput(maps, output.pooler_output)

    def on_grid(self, tokens: Tensor) -> Tensor:
        """Tokens (B, 2 + F' T', D) -> maps (B, D, F', T')."""
        return tokens[:, EXTRA_TOKENS:].transpose(1, 2).reshape(len(tokens), -1, *self.grid)


def package() -> Any:  # noqa: ANN401 - a module
    """Return the package transformers.

    Raises:
        InputError: It is not installed.
    """
    try:
        import transformers
    except ImportError:
        raise InputError(
            "backbone.name=spectrogram_transformer needs the package transformers: "
            'pip install "soundglass[transformers]"'
        ) from None
    return transformers


def grid_of(n_mels: int, frames: int, patch: int, stride: int) -> tuple[int, int]:
    """Rows and columns (F', T') of patches of an input of `n_mels` bands and `frames` frames."""
    return (n_mels - patch) // stride + 1, (frames - patch) // stride + 1


def regrid(positions: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Position embeddings (1, 2 + F' T', D) of one grid, bilinearly interpolated to another."""
    if old == new:
        return positions
    extra, patches = positions[:, :EXTRA_TOKENS], positions[:, EXTRA_TOKENS:]
    on_grid = patches.transpose(1, 2).reshape(1, -1, *old)
    resized = F.interpolate(on_grid, size=new, mode="bilinear", align_corners=False)
    return torch.cat([extra, resized.flatten(2).transpose(1, 2)], dim=1)


def check_sizes(folder: Path, facts: dict[str, Any], settings: SpectrogramTransformerConfig) -> None:
    """Refuse a checkpoint of another size than the settings ask for.

    Raises:
        InputError: Names each setting that differs.
    """
    different = [
        f"{theirs} is {facts[theirs]}, backbone.{ours}={getattr(settings, ours)}"
        for theirs, ours in SIZES.items()
        if theirs in facts and facts[theirs] != getattr(settings, ours)
    ]
    if different:
        raise InputError(f"backbone.weights={folder}: another size: {'; '.join(different)}")


def read_folder(folder: Path) -> dict[str, Tensor]:
    """Return the weights of a checkpoint folder under the names of the bare model.

    Raises:
        InputError: The folder cannot be loaded, or a weight of the model is missing in it or of another shape.
    """
    try:
        net, found = package().ASTModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    except Exception as error:  # errors of safetensors and of the package itself share no other class
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"backbone.weights={folder}: cannot be loaded: {reason}") from error
    for fault in ("missing_keys", "mismatched_keys"):
        if found.get(fault):
            first, count = sorted(map(str, found[fault]))[0], len(found[fault])
            raise InputError(f"backbone.weights={folder}: {first} is missing or of another shape ({count} such)")
    return dict(net.state_dict())


def weight_files(folder: Path) -> list[Path]:
    """Files of weights of a checkpoint folder."""
    return sorted([*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")])
