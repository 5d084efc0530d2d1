"""What decisions are made of: relevance of every component for every class, and the sound of any part of a clip."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from interpretability.listening.decision_audit import TINY
from interpretability.listening.fitted_masks import fitted_group_masks
from interpretability.listening.masks import MaskScale, apply_masks, component_masks, group_masks

THRESHOLD = 0.2
"""Default relevance above which a component belongs to the interpretation of a class (sheet 2; SpeechBrain)."""

PER_CLIP = ("logits", "relevance", "activations", "spectrum", "level")
"""Fields of an interpretation with one entry for each clip."""


def relevance_of(contributions: Tensor) -> Tensor:
    """Relevance (B, C, K) of contributions (B, C, P, K): what a component adds to a logit, over its P statistics."""
    return contributions.sum(dim=2)


def normalise(relevance: Tensor) -> Tensor:
    """Relevance (..., K) over its largest absolute value among components, hence in [-1, 1]; zeros stay zero.

    The authors' code divides by the maximum, which turns signs where all terms are negative (sheet 6.1, defect 7).
    """
    return relevance / relevance.abs().amax(dim=-1, keepdim=True).clamp_min(TINY)


def select(normalised: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Components (..., K) whose normalised relevance exceeds the threshold; there is no cap on their number."""
    return normalised > threshold


def decided(logits: Tensor, multi_label: bool) -> Tensor:
    """Which classes (B, C) clips are said to hold: the highest logit, or every positive one (multi-label)."""
    if multi_label:
        return logits > 0
    return torch.zeros_like(logits, dtype=torch.bool).scatter_(1, logits.argmax(dim=1, keepdim=True), True)


class GlobalRelevance:
    """Mean of the normalised relevance over the clips predicted as each class: r_{k,c} = E[r_{k,c,x} | c in f(x)].

    `total` (C, K) and `count` (C,) may be summed over processes before `mean` is asked for.
    """

    def __init__(self, n_classes: int, n_components: int) -> None:
        self.total = torch.zeros(n_classes, n_components, dtype=torch.float64)
        self.count = torch.zeros(n_classes, dtype=torch.float64)

    def update(self, relevance: Tensor, predicted: Tensor) -> None:
        """Add clips: relevance (B, C, K), raw or normalised, and the classes they are predicted as (B, C) bool."""
        weight = predicted.to(relevance.dtype)
        self.total += torch.einsum("bc,bck->ck", weight, normalise(relevance)).double().cpu()
        self.count += weight.sum(dim=0).double().cpu()

    @property
    def mean(self) -> Tensor:
        """Global relevance (C, K) in [-1, 1]; zeros for a class that no clip was predicted as."""
        return (self.total / self.count.clamp_min(1)[:, None]).float()


@dataclass(frozen=True, eq=False)
class Interpretation:
    """B decisions made of components, and the sound of any part of the clips they were made on.

    Audio has the level of the input, `n_samples` samples at `sample_rate` Hz. The sound of a class and its rest add
    up to the clip, but for `scale="as_published"`.

    Attributes:
        class_names: of the C classes; methods take a class by name or number.
        multi_label: whether several classes may be predicted at once.
        sample_rate: in Hz.
        n_samples: N.
        hop_length: samples between two frames of H and of the STFT.
        logits: (B, C), for each class the sum of `relevance` over components plus the prior.
        prior: (C,) of a multi-label model, or None.
        relevance: (B, C, K).
        activations: H (B, K, T).
        dictionary: W (F, K).
        spectrum: complex STFT (B, F, T) of the clips as the model hears them (peak-normalised).
        level: (B,), factor from there back to the input.
        inverse: the front end's inverse STFT: (..., F, T), N -> (..., N).
        threshold: normalised relevance above which a component belongs to a class, where no other one is given.
        scale: what masks act on.
        windows: frames [first, last + 1) in which a long recording was decided, its logits the mean over them.
        window_logits: (V, C) of these windows.
        explained: (B, C), logits of the classifier that a post-hoc interpreter explains, which has decided by itself;
            None where the decision is that of `logits`.
    """

    class_names: tuple[str, ...]
    multi_label: bool
    sample_rate: int
    n_samples: int
    hop_length: int
    logits: Tensor
    prior: Tensor | None
    relevance: Tensor
    activations: Tensor
    dictionary: Tensor
    spectrum: Tensor
    level: Tensor
    inverse: Callable[[Tensor, int], Tensor]
    threshold: float = THRESHOLD
    scale: MaskScale = "magnitude"
    windows: tuple[tuple[int, int], ...] = ()
    window_logits: Tensor | None = None
    explained: Tensor | None = None

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def n_components(self) -> int:
        """Number of components K."""
        return int(self.dictionary.shape[1])

    @property
    def normalised(self) -> Tensor:
        """Relevance (B, C, K) over its largest absolute value for each clip and class."""
        return normalise(self.relevance)

    @property
    def decision(self) -> Tensor:
        """Logits (B, C) that decided: those of the classifier that is explained, or the model's own."""
        return self.logits if self.explained is None else self.explained

    @property
    def agreed(self) -> Tensor:
        """Whether the components alone decide as it was decided (B,); a clip where not is not explained by them."""
        return (decided(self.logits, self.multi_label) == self.predicted).all(dim=1)

    @property
    def predicted(self) -> Tensor:
        """Which classes (B, C) each clip is said to hold."""
        return decided(self.decision, self.multi_label)

    @property
    def predictions(self) -> list[tuple[str, ...]]:
        """Names of the predicted classes of each clip, strongest first; empty where none is (multi-label)."""
        order = self.decision.argsort(dim=1, descending=True).tolist()
        held = self.predicted.tolist()
        return [tuple(self.class_names[c] for c in row if known[c]) for row, known in zip(order, held, strict=True)]

    @property
    def probabilities(self) -> Tensor:
        """Class probabilities (B, C): softmax of the decision's logits, or a sigmoid of each (multi-label)."""
        return self.decision.sigmoid() if self.multi_label else self.decision.softmax(dim=1)

    def only(self, clip: int) -> "Interpretation":
        """Return the interpretation of one of the B clips."""
        own = {name: getattr(self, name)[clip : clip + 1] for name in PER_CLIP}
        if self.explained is not None:
            own["explained"] = self.explained[clip : clip + 1]
        return replace(self, **own)

    def sounding(self, n_samples: int) -> tuple[int, "Interpretation"]:
        """Return a stretch of one long recording (B = 1), decided by the windows that lie within it.

        The stretch is at most `n_samples` long, but never less than one window, and starts where the first window with
        sound does. What a classifier that is explained says of it alone is not known: the components decide.

        Returns:
            Its first sample, and its interpretation.

        Raises:
            ValueError: Several clips, or a recording that was not heard in windows.
        """
        if self.window_logits is None or not self.windows or len(self) != 1:
            raise ValueError("only a recording heard in windows can be shortened to some of them")
        start = self.windows[0][0]
        n_frames = max(1 + n_samples // self.hop_length, self.windows[0][1] - start)
        inside = [place for place, (_, last) in enumerate(self.windows) if last - start <= n_frames]
        frames = slice(start, self.windows[inside[-1]][1])
        first = start * self.hop_length
        return first, replace(
            self,
            n_samples=min((frames.stop - 1 - start) * self.hop_length, self.n_samples - first),
            logits=self.window_logits[inside].mean(dim=0, keepdim=True),
            activations=self.activations[..., frames],
            spectrum=self.spectrum[..., frames],
            windows=tuple((self.windows[place][0] - start, self.windows[place][1] - start) for place in inside),
            window_logits=self.window_logits[inside],
            explained=None,
        )

    def class_number(self, label: str | int) -> int:
        """Return the number of a class.

        Raises:
            KeyError: There is no class of that name or number; the message lists the names.
        """
        if isinstance(label, int) and 0 <= label < len(self.class_names):
            return label
        if label not in self.class_names:
            raise KeyError(f"no class {label!r}; classes: {', '.join(self.class_names)}")
        return self.class_names.index(str(label))

    def selected(self, label: str | int, threshold: float | None = None) -> Tensor:
        """Components (B, K) that make up the interpretation of a class in each clip."""
        relevance = self.relevance[:, self.class_number(label)]
        return select(normalise(relevance), self.threshold if threshold is None else threshold)

    def strongest(self, label: str | int, count: int = 3) -> Tensor:
        """Numbers (B, at most `count`) of the components that speak most for a class, strongest first."""
        relevance = self.relevance[:, self.class_number(label)]
        return relevance.topk(min(count, self.n_components), dim=1).indices

    def render(self, gains: Tensor, remainder: int | None = None) -> Tensor:
        """Sound (B, G, N) of G groups that take `gains` (B, G, K) of each component.

        Group number `remainder` also takes what no component holds (bins where W H = 0); with `scale="fitted"` it takes
        what the other groups leave.
        """
        gains = gains.to(self.activations)
        if self.scale == "fitted":
            fitted = fitted_group_masks(self.spectrum, self.dictionary, self.activations, gains, remainder)
            return self._sound(fitted)
        return self._sound(group_masks(self.dictionary, self.activations, gains, remainder))

    def class_sound(self, label: str | int, threshold: float | None = None) -> Tensor:
        """Sound (B, N) of the components selected for a class: why the model says so."""
        return self.render(self.selected(label, threshold)[:, None])[:, 0]

    def rest_sound(self, label: str | int, threshold: float | None = None) -> Tensor:
        """Sound (B, N) of the components not selected for a class, and of what no component holds."""
        chosen = self.selected(label, threshold)
        return self.render(torch.stack([chosen, ~chosen], dim=1), remainder=1)[:, 1]

    def component_sound(self, components: Sequence[int] | Tensor | None = None, chunk: int = 16) -> Tensor:
        """Sound (B, n, N) of single components, numbered for all clips (n,) or for each (B, n); None takes all K.

        A single component is always what its own atom takes: masks from W H.
        """
        numbers = torch.as_tensor(range(self.n_components) if components is None else components)
        numbers = numbers.to(self.activations.device)
        parts = component_masks(self.dictionary, self.activations, numbers, chunk)
        return torch.cat([self._sound(masks) for _, masks in parts], dim=1)

    def _sound(self, masks: Tensor) -> Tensor:
        parts = apply_masks(self.spectrum, masks, self.scale)
        return self.inverse(parts, self.n_samples) * self.level[:, None, None]
