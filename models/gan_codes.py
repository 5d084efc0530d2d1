"""Codes of ciwGAN and fiwGAN: how they are drawn, read back by the Q network, and numbered as categories."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from configs.errors import InputError


class Codes(ABC):
    """Code variables, the first ones of the latents.

    Attributes:
        n_variables: values of a code, which are as many outputs of the Q network.
        n_categories: codes there are.
    """

    def __init__(self, n_variables: int, n_categories: int) -> None:
        self.n_variables, self.n_categories = n_variables, n_categories

    @abstractmethod
    def of(self, categories: Tensor) -> Tensor:
        """Categories (B,) int64 -> codes (B, n_variables) of zeros and ones."""

    @abstractmethod
    def loss(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Cross-entropy of what the Q network reads (B, n_variables) and the codes that were set."""

    @abstractmethod
    def read(self, logits: Tensor) -> Tensor:
        """Most likely categories (B,) int64 by the Q network."""

    def draw(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n categories (n,) int64, all equally likely (on the CPU)."""
        return torch.randint(self.n_categories, (n,), generator=generator)


class OneHotCodes(Codes):
    """ciwGAN (Begus 2021, section 2): one of n categories; softmax cross-entropy."""

    def __init__(self, n: int) -> None:
        super().__init__(n, n)

    def of(self, categories: Tensor) -> Tensor:
        """Categories (B,) -> one-hot codes (B, n)."""
        return F.one_hot(categories, self.n_variables).float()

    def loss(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Softmax cross-entropy."""
        return F.cross_entropy(logits.float(), codes.argmax(dim=1))

    def read(self, logits: Tensor) -> Tensor:
        """The largest output."""
        return logits.argmax(dim=1)


class BinaryCodes(Codes):
    """fiwGAN (Begus 2021, section 2): n independent bits, 2^n categories; sigmoid cross-entropy, mean over bits."""

    def __init__(self, n_bits: int) -> None:
        if n_bits > 20:
            raise InputError(f"model.bits={n_bits}: 20 bits are a million categories, enough for any vocabulary")
        super().__init__(n_bits, 2**n_bits)

    def of(self, categories: Tensor) -> Tensor:
        """Categories (B,) -> their bits (B, n), the lowest first."""
        places = torch.arange(self.n_variables, device=categories.device)
        return (categories[:, None] >> places & 1).float()

    def loss(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Mean over bits of the sigmoid cross-entropy."""
        return F.binary_cross_entropy_with_logits(logits.float(), codes)

    def read(self, logits: Tensor) -> Tensor:
        """Each bit by its sign."""
        return categories_of_bits(logits > 0)


def categories_of_bits(bits: Tensor) -> Tensor:
    """Bits (B, n), the lowest first -> categories (B,) int64."""
    return (bits.long() << torch.arange(bits.shape[1], device=bits.device)).sum(dim=1)


def bits_for(n_classes: int) -> int:
    """Return the fewest bits that tell `n_classes` apart."""
    return max(1, (n_classes - 1).bit_length())


def check_latents(latents: Tensor, n_latents: int) -> None:
    """Refuse latents that a generator of `n_latents` cannot take.

    Raises:
        InputError: Another shape than (clips, n_latents).
    """
    if latents.ndim != 2 or latents.shape[1] != n_latents:
        raise InputError(f"latents of shape {tuple(latents.shape)}: the generator takes (clips, {n_latents})")


def latents_of(
    n: int,
    n_latents: int,
    codes: Codes | None = None,
    categories: Tensor | None = None,
    level: float = 1.0,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Draw latents (n, n_latents) on the CPU, codes first, the rest uniform in [-1, 1), and the categories (n,) if any.

    Args:
        n: clips.
        n_latents: latent variables of each.
        codes: kind of code; None draws all variables uniformly, as WaveGAN does.
        categories: (n,) categories to set; None draws them.
        level: value of a code that is on; the papers look at 2 and more, beyond what was trained.
        generator: random stream; None takes the global one.

    Raises:
        InputError: Categories without codes, of another number, or out of range.
    """
    if codes is None:
        if categories is not None:
            raise InputError("this generator has no codes: it was trained as model.name=wavegan")
        return 2 * torch.rand(n, n_latents, generator=generator) - 1, None
    if categories is None:
        categories = codes.draw(n, generator)
    if categories.shape != (n,) or not bool(((categories >= 0) & (categories < codes.n_categories)).all()):
        raise InputError(f"categories must be {n} whole numbers from 0 to {codes.n_categories - 1}")
    rest = 2 * torch.rand(n, n_latents - codes.n_variables, generator=generator) - 1
    return torch.cat((level * codes.of(categories).cpu(), rest), dim=1), categories
