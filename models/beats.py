"""BEATs (Chen et al. 2023): a transformer on spectrogram patches, for its published files (BEATs_iter3.pt ...)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from configs.errors import InputError
from configs.schema import BEATsConfig
from models.backbones import Backbone, BackboneOutput
from models.published_weights import PublishedWeights, read_published, take_weights

SPREAD = 0.5  # standard deviation of the features that the published network hears, at mean 0
KERNEL, GROUPS = 128, 16  # of the convolution that tells where a patch lies
BUCKETS, FARTHEST = 320, 800  # of distances between patches
GATES = 8  # numbers a head makes its two gates of
POSITIONS = "self_attn.relative_attention_bias.weight"
LEFT_OUT = ("predictor.", "quantizer.", "final_proj.", "label_embs", "mask_emb")
"""Parts of a file that are not the trunk: the head for 527 classes, and what only the pre-training needs."""


class Attention(nn.Module):
    """Attention between patches with a bias by distance, which each query gates (Chi et al. 2022, XLM-E)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))
        self.grep_linear = nn.Linear(width // heads, GATES)
        self.grep_a = nn.Parameter(torch.ones(1, heads, 1, 1))

    def forward(self, x: Tensor, distance: Tensor, allowed: Tensor | None) -> Tensor:
        """Tokens (B, P, D), bias (H, P, P) and keys that hold sound (B, P) -> tokens (B, P, D)."""
        query, key, value = (
            proj(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        gates = self.grep_linear(query).unflatten(-1, (2, GATES // 2)).sum(dim=-1).sigmoid()
        first, second = gates[..., :1], gates[..., 1:]
        bias = (first * (second * self.grep_a - 1) + 2) * distance
        if allowed is not None:
            bias = bias.masked_fill(~allowed[:, None, None, :], -torch.inf)
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        answer: Tensor = self.out_proj(heard.transpose(1, 2).flatten(2))
        return answer


class Layer(nn.Module):
    """Attention and two matrices, each normalised after its residual, which counts (2 L)^(1/4) times (DeepNorm)."""

    def __init__(self, config: BEATsConfig) -> None:
        super().__init__()
        self.residual = (2 * config.layers) ** 0.25
        self.self_attn = Attention(config.width, config.heads)
        self.self_attn_layer_norm = nn.LayerNorm(config.width)
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.width)
        self.final_layer_norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, distance: Tensor, allowed: Tensor | None) -> Tensor:
        """Tokens (B, P, D) -> tokens (B, P, D)."""
        x = self.self_attn_layer_norm(self.residual * x + self.dropout(self.self_attn(x, distance, allowed)))
        inner = self.fc2(F.gelu(self.fc1(x)))
        answer: Tensor = self.final_layer_norm(self.residual * x + self.dropout(inner))
        return answer


class Encoder(nn.Module):
    """The transformer; its layers are `encoder.layers.N`, each of which returns tokens (B, P, D)."""

    def __init__(self, config: BEATsConfig) -> None:
        super().__init__()
        self.position = nn.Conv1d(config.width, config.width, KERNEL, padding=KERNEL // 2, groups=groups_of(config))
        self.distance = nn.Embedding(BUCKETS, config.heads)
        self.layer_norm = nn.LayerNorm(config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))

    def forward(self, x: Tensor, allowed: Tensor | None) -> list[Tensor]:
        """Tokens (B, P, D) -> the same after each layer."""
        if allowed is not None:
            x = x * allowed[:, :, None].to(x.dtype)
        place = F.gelu(self.position(x.transpose(1, 2))[..., :-1]).transpose(1, 2)
        x = self.layer_norm(x + place)
        distance = self.distance(buckets(x.shape[1], x.device)).permute(2, 0, 1)
        after: list[Tensor] = []
        for layer in self.layers:
            x = layer(x, distance, allowed)
            after.append(x)
        return after


class BEATs(Backbone):
    """Square patches of the log-mel spectrogram, side by side, read by a transformer.

    Maps are the patch tokens after a third, two thirds and all of the layers, `encoder.layers.N`: (B, D, F', T'). The
    embedding is the mean of the last layer's tokens that hold sound. Frames that do not fill a patch are dropped, as in
    the published network.

    Features are brought to mean 0 and standard deviation 0.5 by running statistics of this run's front end. They are
    not exactly those of the published network (Kaldi's mel bands of 25 ms windows), so that it wants fine-tuning.
    """

    def __init__(self, config: BEATsConfig, n_mels: int) -> None:
        super().__init__()
        self.settings, self.rows = config, n_mels // config.patch
        self.input_norm = nn.BatchNorm2d(1, affine=False)
        self.patch_embedding = nn.Conv2d(1, config.patch_width, config.patch, stride=config.patch, bias=False)
        self.layer_norm = nn.LayerNorm(config.patch_width)
        self.post_extract_proj = nn.Linear(config.patch_width, config.width)
        self.encoder = Encoder(config)
        self.read_after = sorted({max(1, round(config.layers * share / 3)) for share in (1, 2, 3)})
        if config.frozen:
            self.requires_grad_(False)
            self.frozen = True

    def train(self, mode: bool = True) -> "BEATs":
        """Enter training mode; where frozen, only the statistics of the input go on being measured."""
        super().train(mode)
        self.input_norm.train(mode)
        return self

    def load_published(self) -> None:
        """Take the file `backbone.weights`: pre-trained, or fine-tuned, whose head is left out.

        Raises:
            InputError: As `read_published` and `take_weights`.
        """
        if self.settings.weights is None:
            return
        file = read_published(self.settings.weights)
        weights, left_out = rename(file)
        own = [name for name in self.state_dict() if name.startswith("input_norm.")]
        take_weights(self, file, weights, left_out, optional=own)

    def forward(self, features: Tensor, n_frames: Tensor | None = None) -> BackboneOutput:
        """Maps (B, D, F', T') of the patches that lie within the clip; embedding (B, D)."""
        patch = self.settings.patch
        if features.shape[-1] < patch:
            raise InputError(f"backbone.name=beats needs clips of at least {patch} frames, got {features.shape[-1]}")
        x = SPREAD * self.input_norm(features)
        x = self.patch_embedding(x.transpose(2, 3)).flatten(2).transpose(1, 2)  # time by time, low bands first
        steps, sound = x.shape[1] // self.rows, None
        if n_frames is not None:
            within = torch.arange(steps, device=x.device) < (n_frames // patch).clamp(min=1)[:, None]
            sound = within.repeat_interleave(self.rows, dim=1)
        after = self.encoder(self.post_extract_proj(self.layer_norm(x)), sound)
        keep = torch.ones_like(after[-1][..., :1]) if sound is None else sound[:, :, None].to(x.dtype)
        maps = {
            f"encoder.layers.{number - 1}": (after[number - 1] * keep)
            .unflatten(1, (steps, self.rows))
            .permute(0, 3, 2, 1)
            for number in self.read_after
        }
        return BackboneOutput(maps, (after[-1] * keep).sum(dim=1) / keep.sum(dim=1))


def groups_of(config: BEATsConfig) -> int:
    """Groups of the position convolution: the published 16, or as many as divide the width."""
    return math.gcd(GROUPS, config.width)


def buckets(n_tokens: int, device: torch.device) -> Tensor:
    """Bucket (P, P) of the distance from query to key: near ones each have their own, far ones share (Raffel 2020)."""
    places = torch.arange(n_tokens, device=device)
    distance = places[None, :] - places[:, None]
    half, away = BUCKETS // 2, distance.abs()
    exact = half // 2
    log = torch.log(away.clamp_min(1).float() / exact) / math.log(FARTHEST / exact)
    far = (exact + (log * (half - exact)).long()).clamp(max=half - 1)
    return torch.where(away < exact, away, far) + half * (distance > 0)


def rename(file: PublishedWeights) -> tuple[dict[str, Tensor], list[str]]:
    """Return published weights under our names, and the names of the file that are not for the trunk.

    The position convolution is stored as direction and length of its kernels (weight normalisation over their 128
    steps); every layer stores the same table of distances.

    Raises:
        InputError: Layers whose tables of distances differ, or that lack a part of the convolution.
    """
    weights: dict[str, Tensor] = {}
    left_out = [name for name in file.tensors if name.startswith(LEFT_OUT)]
    tables = [name for name in file.tensors if name.startswith("encoder.layers.") and name.endswith(POSITIONS)]
    if any(not torch.equal(file.tensors[name], file.tensors[tables[0]]) for name in tables):
        raise InputError(f"backbone.weights={file.path}: layers have different {POSITIONS}, BEATs has one for all")
    for name, tensor in file.tensors.items():
        if name in left_out or name.startswith("encoder.pos_conv.") or name in tables:
            continue
        weights[name] = tensor
    if tables:
        weights["encoder.distance.weight"] = file.tensors[tables[0]]
    convolution = {name.rpartition(".")[2]: name for name in file.tensors if name.startswith("encoder.pos_conv.0.")}
    if "bias" in convolution:
        weights["encoder.position.bias"] = file.tensors[convolution["bias"]]
    if {"weight_g", "weight_v"} <= convolution.keys():
        length, direction = (file.tensors[convolution[part]] for part in ("weight_g", "weight_v"))
        norm = direction.flatten(0, -2).norm(dim=0) if direction.ndim == 3 else direction.norm()
        weights["encoder.position.weight"] = direction / norm * length
    return weights, left_out
