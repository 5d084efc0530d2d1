"""A class with vibrato against its absence: sounds made for it and against it are told apart by their pitch alone.

Network and prior learn from sounds; neither is told what a vibrato is. The detector is neither: it is the pitch of
`interpretability.acoustics` and a least-squares fit.
"""

import math

import pytest
import torch
from torch import Tensor, nn

from interpretability.acoustics.pitch import PitchSettings, pitch
from interpretability.generation.activation_maximisation import activation_maximisation
from interpretability.generation.frame_prior import FramePrior
from interpretability.generation.judge import Judge
from interpretability.generation.lanes import Halving, grid
from interpretability.generation.listener import Listener
from interpretability.generation.prior import Sound
from interpretability.generation.readings import unit_activations
from interpretability.generation.reference import choose_excerpts
from interpretability.generation.selection import choose
from interpretability.generation.target import Target
from interpretability.generation.vocoding import generated, mel_griffin_lim

RATE, N_FFT, HOP, BANDS, FRAMES = 8000, 384, 112, 64, 80
"""Windows of 48 ms every 14 ms, as those of the singing-voice network, and 1.1 s."""
SAMPLES, FLOOR = (FRAMES - 1) * HOP, 1e-3
ABSENT = ("steady", "glide", "tremolo", "noise")
N = 32


def sounds(n: int, kind: str, random: torch.Generator) -> Tensor:
    """Vowels (n, SAMPLES) on 240 to 360 Hz with vibrato (5 to 6.5 Hz, 0.7 to 1.5 semitones) or without, or noises.

    "glide" goes 1 to 4 semitones up or down; "tremolo", and some of the noises, change their level at a vibrato's rate.
    """
    u = torch.rand(n, 12, 1, generator=random)
    at = torch.arange(SAMPLES) / RATE
    wave = torch.sin(2 * math.pi * (5 + 1.5 * u[:, 0]) * at + 2 * math.pi * u[:, 1])
    semitones = torch.zeros(n, SAMPLES)
    if kind == "vibrato":
        semitones = (0.7 + 0.8 * u[:, 2]) * wave
    elif kind == "glide":
        semitones = (u[:, 2] - 0.5).sign() * (1 + 3 * u[:, 3]) * (at / at.amax() - 0.5)
    body = band_of_noise(u, random) * (1 + 0.8 * u[:, 2] * wave) if kind == "noise" else vowel(u, semitones)
    if kind == "tremolo":
        body = body * (1 + (0.3 + 0.5 * u[:, 2]) * wave)
    body = body / body.square().mean(dim=1, keepdim=True).sqrt()
    hiss = 10 ** (-(18 + 18 * u[:, 9]) / 20) * torch.randn(n, SAMPLES, generator=random)
    return 0.1 * 10 ** (-6 * u[:, 10] / 20) * (body + hiss)


def vowel(u: Tensor, semitones: Tensor) -> Tensor:
    """Thirteen partials through two formants."""
    f0 = 240 * 2 ** ((7 * u[:, 4] + semitones) / 12)
    phase = 2 * math.pi * f0.cumsum(dim=1) / RATE
    low, high = 450 + 450 * u[:, 5], 1100 + 900 * u[:, 6]
    parts = torch.zeros_like(phase)
    for k in range(1, 14):
        formants = 0.3 + 1 / (1 + ((k * f0 - low) / 120).square()) + 0.6 / (1 + ((k * f0 - high) / 180).square())
        parts = parts + k**-0.7 * formants * (k * f0 < 3800) * torch.sin(k * phase)
    return parts


def band_of_noise(u: Tensor, random: torch.Generator) -> Tensor:
    spectrum = torch.fft.rfft(torch.randn(len(u), SAMPLES, generator=random))
    hertz = torch.fft.rfftfreq(SAMPLES, 1 / RATE)
    away = (hertz - (300 + 1800 * u[:, 7])) / (300 + 900 * u[:, 8])
    return torch.fft.irfft(spectrum / (1 + away.square()), SAMPLES)


def both(n: int, random: torch.Generator) -> Tensor:
    """As many sounds with vibrato, first, as without (n, SAMPLES); n is a multiple of 8."""
    return torch.cat([sounds(n // 2, "vibrato", random), *(sounds(n // 8, kind, random) for kind in ABSENT)])


def mel_bank() -> Tensor:
    """Triangles (F, BANDS) of unit sum from 100 to 4000 Hz, evenly on the mel axis."""
    low, high = (1127 * math.log1p(hertz / 700) for hertz in (100, 4000))
    edges = 700 * torch.expm1(torch.linspace(low, high, BANDS + 2) / 1127)
    bins = torch.arange(N_FFT // 2 + 1)[:, None] * RATE / N_FFT
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = torch.minimum(rise, fall).clamp_min(0)
    return bank / bank.sum(dim=0)


BANK = mel_bank()
VOCODER = mel_griffin_lim(BANK, N_FFT, HOP, iterations=32)


def heard(waveform: Tensor) -> Tensor:
    """Ln-mel (n, 1, BANDS, FRAMES)."""
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(waveform, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True).abs()
    return (BANK.T @ spectrum).clamp_min(FLOOR).log()[:, None]


def vibrato_of(waveform: Tensor) -> Tensor:
    """Depth of the vibrato in cents (n,); 0 where less than 60 % of the sound has a pitch.

    Of all sinusoids of 4 to 8 Hz beside a parabola the one that fits the contour of F0 best: its amplitude, times the
    share of the contour's movement about the parabola that it explains, times the share of frames with a pitch.
    """
    f0 = pitch(waveform, torch.full((len(waveform),), SAMPLES), RATE, PitchSettings(180, 600, 0.01)).f0.values.double()
    voiced = (~f0.isnan()).double()
    cents = 1200 * f0.nan_to_num(nan=1.0).log2()
    at = 0.01 * torch.arange(f0.shape[1], dtype=torch.float64)
    at = at - at.mean()
    parabola = torch.stack([torch.ones_like(at), at, at.square()], dim=1)

    def fitted(columns: Tensor) -> tuple[Tensor, Tensor]:
        weighed = voiced[..., None] * columns
        normal = columns.T @ weighed + 1e-9 * torch.eye(columns.shape[1], dtype=torch.float64)
        weights = torch.linalg.solve(normal, (weighed * cents[..., None]).sum(dim=1))
        return weights, (voiced * (cents - weights @ columns.T).square()).sum(dim=1)

    left, best = fitted(parabola)[1].clamp_min(1e-9), torch.zeros(len(f0), dtype=torch.float64)
    for hertz in torch.arange(4, 8.01, 0.25).double():
        turn = 2 * math.pi * hertz * at
        weights, rest = fitted(torch.cat([parabola, torch.stack([turn.sin(), turn.cos()], dim=1)], dim=1))
        best = torch.maximum(best, weights[:, 3:].norm(dim=1) * (1 - rest / left))
    share = voiced.mean(dim=1)
    return torch.where(share >= 0.6, best * share, 0.0)


def area(positive: Tensor, negative: Tensor) -> float:
    """Area under the ROC curve."""
    above = (positive[:, None] > negative).double() + 0.5 * (positive[:, None] == negative).double()
    return float(above.mean())


class Ears(nn.Module):
    """A small network from ln-mel to logits (B, 2): vibrato, none."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2, stride=(2, 1)), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.embedding, self.head = nn.Identity(), nn.Linear(24, 2)

    def forward(self, mel: Tensor) -> Tensor:
        logits: Tensor = self.head(self.embedding(self.body((mel + 3) / 2).mean(dim=(2, 3))))
        return logits


def trained_ears(seed: int, n: int = 512, steps: int = 250) -> Ears:
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(1000 + seed)
    mel, label = heard(both(n, random)), (torch.arange(n) >= n // 2).long()
    network = Ears()
    optimiser = torch.optim.Adam(network.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(n, (32,), generator=random)
        loss = nn.functional.cross_entropy(network(mel[chosen]), label[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def trained_prior(seed: int) -> FramePrior:
    mel = heard(both(1200, torch.Generator().manual_seed(2000 + seed)))
    return FramePrior(mel, Sound((1, BANDS, FRAMES), RATE, unit="ln mel"), floor=math.log(FLOOR))


def searched(ears: nn.Module, prior: FramePrior, mel: Tensor, seed: int) -> dict[str, Tensor]:
    """Latents (N, d) of the chosen setting for "maximise" and "minimise", and those that both began with: "start"."""
    activation, found = unit_activations(ears, Target(0), mel), {}
    for aim in ("maximise", "minimise"):
        low = aim == "minimise"
        reference = choose_excerpts(activation, range(len(mel)), torch.zeros(len(mel)), 1.0, share=0.4, lowest=low)
        target = Target(0, aim=aim)
        judge = Judge(Listener(ears, target, Target(0, "embedding")), prior, mel[reference.places], reference)
        settings = reference.settings(seeds=N, snapshots=(15, 30, 60), seed=N * seed, halving=Halving())
        lanes = grid((0.1, 0.03, 0.01), (10.0, 1.0, 0.1))
        search = activation_maximisation(ears, target, prior, lanes, settings, rank=judge.rank)
        score = choose(judge.scores(search)).score
        print(f"{aim}: {score.lane}, {score.step} steps, logit {score.median:.1f}, in range {score.in_range}")
        found |= {aim: next(s for s in search.snapshots if s.name == score.name).latent, "start": search.start}
    return found


def at_random(start: Tensor, end: Tensor, sign: int, seed: int) -> Tensor:
    """Latents as far from the start as those found, and as long, but there or back along a random direction."""
    way = torch.randn(start.shape, generator=torch.Generator().manual_seed(3000 + seed))
    moved = start + sign * way * (end - start).norm(dim=1, keepdim=True) / way.norm(dim=1, keepdim=True)
    return moved * end.norm(dim=1, keepdim=True) / moved.norm(dim=1, keepdim=True)


def test_the_detector_measures_vibrato_and_nothing_else():
    at = torch.arange(SAMPLES) / RATE
    wave = torch.sin(2 * math.pi * 5.5 * at)
    slow = torch.sin(2 * math.pi * 2 * at)
    cents = torch.stack([100 * wave, 30 * wave, 0 * wave, 300 * at, 100 * slow])
    tone = torch.sin(2 * math.pi * (300 * 2 ** (cents / 1200)).cumsum(dim=1) / RATE)
    others = torch.stack([tone[2] * (1 + 0.8 * wave), torch.randn(SAMPLES, generator=torch.Generator().manual_seed(0))])
    deep, shallow, *none = vibrato_of(torch.cat([tone, others])).tolist()
    assert deep == pytest.approx(100, rel=0.1)
    assert shallow == pytest.approx(30, rel=0.1)
    assert max(none) < 15


@pytest.mark.parametrize("vocoded", [False, True])
def test_the_detector_knows_real_vibrato_also_through_the_vocoder(vocoded):
    real = both(64, torch.Generator().manual_seed(4000))
    depth = vibrato_of(VOCODER.invert(heard(real)) if vocoded else real)
    assert area(depth[:32], depth[32:]) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_made_for_vibrato_and_against_it(seed):
    ears, prior = trained_ears(seed), trained_prior(seed)
    mel = heard(both(256, torch.Generator().manual_seed(5000 + seed)))
    with torch.no_grad():
        assert (ears(mel).argmax(dim=1) == (torch.arange(256) >= 128)).float().mean() >= 0.95
        kept = vibrato_of(VOCODER.invert(prior.decode(prior.encode(mel[::4]))))
    assert area(kept[:32], kept[32:]) >= 0.95  # the prior can make both, and what is in between
    latent = searched(ears, prior, mel, seed)
    latent["random"] = at_random(latent["start"], latent["maximise"], 1, seed)
    latent["back"] = at_random(latent["start"], latent["minimise"], -1, seed)
    depth = {name: vibrato_of(generated(prior, z, VOCODER).waveform) for name, z in latent.items()}
    for name, values in depth.items():
        low, middle, high = values.quantile(torch.tensor([0.1, 0.5, 0.9]).double()).tolist()
        print(f"{name}: median {middle:.0f} cents, 80 % from {low:.0f} to {high:.0f}")
    pairs = [("maximise", "minimise"), ("maximise", "start"), ("start", "minimise"), ("random", "back")]
    areas = {pair: area(depth[pair[0]], depth[pair[1]]) for pair in pairs}
    print(f"seed {seed}, n = {N} each:", ", ".join(f"{a} / {b} {value:.3f}" for (a, b), value in areas.items()))
    assert areas["maximise", "minimise"] >= 0.9
    assert areas["maximise", "start"] >= 0.75
    assert areas["start", "minimise"] >= 0.75
    assert 0.25 < areas["random", "back"] < 0.75
