"""A prior that is learned from real excerpts in a minute: what single frames sound like, and how they follow."""

import math

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.generation.feature_moments import check_count
from interpretability.generation.frame_autoencoder import FrameCoder, FrameTraining, learn_frames
from interpretability.generation.latent_priors import GaussianLatent, Penalty
from interpretability.generation.prior import Sound, kept
from interpretability.isolation import forked_randomness

USUAL = FrameTraining()
ROUNDING = 1e-5
"""Length, relative to the longest, below which a direction is rounding."""


class FramePath(nn.Module):
    """Latents (B, d) -> path of the frames' latents through time -> excerpts (B, M, T).

    Attributes:
        mean: (T * latents,) path of the mean excerpt.
        axes: (d, T * latents) principal directions of the paths of real excerpts, each as long as its deviation.
    """

    def __init__(self, coder: FrameCoder, mean: Tensor, axes: Tensor, floor: float | None) -> None:
        super().__init__()
        self.coder, self.floor = coder, floor
        self.mean: Tensor
        self.axes: Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("axes", axes)

    def forward(self, latent: Tensor) -> Tensor:
        """Decode."""
        path = self.mean + latent @ self.axes
        out = self.coder.decode(path.reshape(len(latent), -1, self.coder.latents))
        return out if self.floor is None else out.clamp_min(self.floor)

    def encode(self, features: Tensor) -> Tensor:
        """Excerpts (n, M, T) -> the latents (n, d) whose paths are nearest to theirs."""
        away = self.coder.encode(features).flatten(1) - self.mean
        return away @ self.axes.T / self.axes.square().sum(dim=1)


class FramePrior(GaussianLatent):
    """Log-mel excerpts whose frames, and the paths that these take, are like those of real ones.

    A small autoencoder learns single frames of the excerpts; of the paths of its latents through an excerpt a Gaussian
    is fitted. One latent z ~ N(0, I) is a path:

        x_t = decoder(y_t),   (y_1 ... y_T) = mean + z @ axes

    An autoencoder of whole excerpts smears lines that move, unless it is trained for very long: here a frame knows
    nothing of time, and time is linear.
    """

    def __init__(
        self,
        excerpts: Tensor,
        sound: Sound,
        n_latents: int = 64,
        training: FrameTraining = USUAL,
        floor: float | None = None,
        penalty: Penalty = "typical",
        name: str = "frames",
    ) -> None:
        """Learn frames and paths, on the device of the excerpts.

        Args:
            excerpts: real ones (n, *sound.shape).
            sound: features; the axes before bands and frames have length 1.
            n_latents: directions of the paths, those of most variance; at most n - 1, and as many as there are.
            training: of the frames.
            floor: smallest value of a feature, such as ln(1e-7); None for none.
            penalty: as in `GaussianLatent`.
            name: for tables.

        Raises:
            InputError: Waveforms, fewer than two excerpts, another shape, or excerpts that do not vary.
        """
        if sound.kind != "features" or math.prod(sound.shape[:-2]) != 1:
            raise InputError(f"a prior of frames needs features of one channel: {sound.kind} of shape {sound.shape}")
        check_count(len(excerpts))
        if tuple(excerpts.shape[1:]) != tuple(sound.shape):
            raise InputError(f"excerpts of shape {tuple(excerpts.shape[1:])} are not {sound.shape}")
        if n_latents < 1:
            raise InputError(f"n_latents={n_latents}: has to be 1 or more")
        features = kept(excerpts).float().reshape(-1, *sound.shape[-2:])
        coder = learn_frames(features, training)
        with torch.inference_mode(False), torch.no_grad():
            paths = coder.encode(features).flatten(1)
            mean = paths.mean(dim=0)
            count = min(n_latents, len(paths) - 1, paths.shape[1])
            with forked_randomness(training.seed, paths.device):
                wanted = min(count + 10, *paths.shape)
                _, lengths, directions = torch.svd_lowrank(paths - mean, q=wanted, niter=4)
            if not bool(lengths[0] > ROUNDING * paths.norm()):
                raise InputError("a prior of frames needs excerpts that differ from one another")
            count = int((lengths[:count] > ROUNDING * lengths[0]).sum())  # copies of excerpts add no direction
            axes = (lengths[:count] / math.sqrt(len(paths) - 1))[:, None] * directions[:, :count].T
            self.explained = float(lengths[:count].square().sum() / (paths - mean).square().sum())
        self.path = FramePath(coder, mean, axes, floor).eval()
        super().__init__(self.path, count, sound, penalty, name=name)

    def encode(self, excerpts: Tensor) -> Tensor:
        """Return the latents (n, d) that come nearest to excerpts (n, *sound.shape)."""
        with torch.no_grad():
            return self.path.encode(excerpts.reshape(-1, *self.sound.shape[-2:]))
