"""What the naming of units asks of a language model: an answer in a given form, or one clear reason against it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from configs.errors import InputError

Answer = TypeVar("Answer")


class NoAnswerError(InputError):
    """A language model did not give an answer that can be used: it timed out, made no sense, or its budget is spent.

    The point it was asked about is marked, and the run goes on. `final` says that no later question will fare better.
    """

    def __init__(self, reason: str, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class LanguageModel(Protocol):
    """Answers questions with JSON objects.

    Attributes:
        id: of the model, its settings included; part of the keys of caches.
    """

    id: str

    def ask(
        self, prompt: str, schema: Mapping[str, Any], system: str = "", audio: bytes | None = None
    ) -> dict[str, Any]:
        """Return the answer to a prompt, and to a clip (the bytes of a wav file), as an object of the JSON `schema`.

        Raises:
            NoAnswerError: There is none.
        """


@dataclass(frozen=True)
class Answered(Generic[Answer]):
    """Answers about several points.

    Attributes:
        answers: one for each point; None where there is none.
        marked: position of a point without an answer -> why.
    """

    answers: tuple[Answer | None, ...]
    marked: Mapping[int, str] = field(default_factory=dict)


def ask_each(
    points: Sequence[Any], ask: Callable[[Any], Answer], silent: str = "there is nothing to ask about"
) -> Answered[Answer]:
    """Ask about every point; one that has no answer is marked, and after a final reason no more are asked.

    Args:
        points: what is asked about; None for a point that has nothing to ask about.
        ask: a point -> its answer; raises NoAnswerError.
        silent: why a point that is None is marked.
    """
    answers: list[Answer | None] = []
    marked: dict[int, str] = {}
    final = ""
    for place, point in enumerate(points):
        answers.append(None)
        if point is None or final:
            marked[place] = silent if point is None else final
            continue
        try:
            answers[-1] = ask(point)
        except NoAnswerError as error:
            marked[place] = str(error)
            final = str(error) if error.final else ""
    return Answered(tuple(answers), marked)
