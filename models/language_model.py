"""A language model behind any OpenAI-compatible endpoint: answers in JSON, a disk cache, a budget of calls."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from interpretability.dissection.language import NoAnswerError
from models.answer_cache import question_key, read_cached, write_cached
from models.chat_endpoint import Endpoint, PassingFault, answer_of, post, request_body
from models.json_answers import schema_fault


class LanguageModelClient:
    """Asks an endpoint; the same question is sent once, also across runs where a cache folder is given.

    Attributes:
        id: model, seed and length of its answers.
        calls: requests sent so far.
    """

    def __init__(self, endpoint: Endpoint, cache: Path | None = None) -> None:
        self.endpoint, self.cache = endpoint, cache
        self.id = f"{endpoint.model}-seed{endpoint.seed}-{endpoint.max_tokens}"
        self.name = f"language model {endpoint.model} at {endpoint.url}"
        self.calls = 0
        self.unanswered = 0
        self.reason = ""

    def ask(
        self, prompt: str, schema: Mapping[str, Any], system: str = "", audio: bytes | None = None
    ) -> dict[str, Any]:
        """Return the answer to a prompt, and to a clip (the bytes of a wav file), as an object of the JSON `schema`.

        Raises:
            NoAnswerError: The endpoint timed out, refused, or answered something else; final when the budget is spent.
        """
        key = question_key(self.id, prompt, schema, system, audio)
        kept = read_cached(self.cache, key, schema)
        if kept is not None:
            return kept
        body = json.dumps(request_body(self.endpoint, prompt, schema, system, audio)).encode()
        answer = answer_of(self._send(body), schema, self.endpoint)
        write_cached(self.cache, key, answer)
        return answer

    def _send(self, body: bytes) -> bytes:
        """Post a request, again after a passing fault, while budget and patience last."""
        for attempt in range(self.endpoint.retries + 1):
            self._require_budget()
            self.calls += 1
            try:
                reply = post(self.endpoint, body)
            except PassingFault as fault:
                self.reason = str(fault)
            else:
                self.unanswered = 0
                return reply
            if attempt < self.endpoint.retries:
                time.sleep(self.endpoint.pause * 2**attempt)
        self.unanswered += 1
        raise NoAnswerError(f"{self.name}: {self.reason}", final=self.unanswered >= self.endpoint.give_up_after)

    def _require_budget(self) -> None:
        """Refuse to send anything once the budget is spent or the endpoint given up."""
        if self.calls >= self.endpoint.max_calls:
            spent = f"the budget of {self.endpoint.max_calls} calls is spent; raise max_calls to ask more"
            raise NoAnswerError(f"language model {self.endpoint.model}: {spent}", final=True)
        if self.unanswered >= self.endpoint.give_up_after:
            raise NoAnswerError(f"{self.name}: given up after {self.unanswered} questions: {self.reason}", final=True)


class ReplayClient:
    """Answers recorded beforehand, for tests and for running again without an endpoint.

    Args:
        answers: in the order of the questions; or a function of the prompt. An error among them is raised.
    """

    def __init__(self, answers: Sequence[dict[str, Any] | Exception] | Callable[[str], dict[str, Any]]) -> None:
        self.id = "replay"
        self.answers = answers
        self.asked: list[tuple[str, bytes | None]] = []

    def ask(
        self, prompt: str, schema: Mapping[str, Any], system: str = "", audio: bytes | None = None
    ) -> dict[str, Any]:
        """Return the next recorded answer.

        Raises:
            NoAnswerError: There are no more, or it does not have the form asked for.
        """
        self.asked.append((prompt, audio))
        if callable(self.answers):
            answer: dict[str, Any] | Exception = self.answers(prompt)
        elif len(self.asked) <= len(self.answers):
            answer = self.answers[len(self.asked) - 1]
        else:
            raise NoAnswerError(f"replay: only {len(self.answers)} answers were recorded", final=True)
        if isinstance(answer, Exception):
            raise answer
        if fault := schema_fault(answer, schema):
            raise NoAnswerError(f"replay: answer {len(self.asked)}: {fault}")
        return answer
