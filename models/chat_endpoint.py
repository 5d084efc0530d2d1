"""One request to an OpenAI-compatible endpoint, within a time limit, with what can go wrong told apart.

The client is the standard library's: what is needed of the protocol is one POST request, and the openai package would
bring a dozen others for it. Nothing is asked of a network unless a user names an endpoint.
"""

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from configs.errors import CommandError
from interpretability.dissection.language import NoAnswerError
from models.json_answers import object_in, schema_fault

PATH = "/chat/completions"
MAX_BYTES = 4 << 20
"""A reply longer than this is no answer to any question asked here."""

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses after which a request may be sent again."""


@dataclass(frozen=True)
class Endpoint:
    """Where and how a language model is asked.

    Attributes:
        url: base address up to and with the version, such as "http://localhost:8000/v1".
        model: name of the model there.
        key_variable: environment variable with the key that is sent; none is sent where it is not set.
        timeout: seconds for a whole answer.
        max_calls: requests that may be sent in all, repeated ones included; answers from the cache cost nothing.
        retries: times a request is sent again after a passing fault of the endpoint.
        give_up_after: questions in a row that the endpoint does not react to, after which none is sent any more.
        seed: sent with every request, with temperature 0.
        max_tokens: of an answer.
        pause: seconds before the first repetition; doubled for each further one.
    """

    url: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    timeout: float = 60.0
    max_calls: int = 1000
    retries: int = 1
    give_up_after: int = 3
    seed: int = 0
    max_tokens: int = 1024
    pause: float = 1.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise CommandError(
                f"language model: url={self.url!r}; give an address that begins with http:// or https://"
            )
        if not self.model:
            raise CommandError("language model: no model is named; give its name at the endpoint")
        for name, least in (
            ("timeout", 0.001),
            ("max_calls", 1),
            ("max_tokens", 1),
            ("give_up_after", 1),
            ("retries", 0),
        ):
            if getattr(self, name) < least:
                raise CommandError(f"language model: {name}={getattr(self, name)}; give at least {least}")


class PassingFault(Exception):  # noqa: N818 - not an error that leaves this file
    """A request failed in a way that may not happen again."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the key is sent to the address that the user named, and to no other."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - urllib's own
        """Return None: the redirection is reported as an error."""


def post(endpoint: Endpoint, body: bytes) -> bytes:
    """Post a request once and return the reply, read within the time limit.

    Raises:
        PassingFault: It may fare better another time.
        NoAnswerError: It will not.
    """
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(endpoint.key_variable):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(endpoint.url.rstrip("/") + PATH, body, headers)  # noqa: S310 - http(s)
    end = time.monotonic() + endpoint.timeout
    try:
        opener = urllib.request.build_opener(NoRedirects)  # here: it reads the proxies of the environment
        with opener.open(request, timeout=endpoint.timeout) as reply:
            return read_until(reply.read1, end, endpoint.timeout)
    except urllib.error.HTTPError as error:
        reason = f"HTTP status {error.code}{said_with(error)}"
        if error.code in RETRIED:
            raise PassingFault(reason) from None
        raise NoAnswerError(f"language model {endpoint.model} at {endpoint.url}: {reason}") from None
    except TimeoutError:
        raise PassingFault(f"no answer within {endpoint.timeout:g} s") from None
    except (OSError, HTTPException) as error:  # URLError is an OSError
        cause = getattr(error, "reason", error)
        timed_out = isinstance(cause, TimeoutError)
        raise PassingFault(f"no answer within {endpoint.timeout:g} s" if timed_out else str(cause)) from None


def said_with(error: urllib.error.HTTPError) -> str:
    """What an endpoint says with an error, in brackets; nothing where that cannot be read either."""
    try:
        said = " ".join(error.read(300).decode(errors="replace").split())
    except (OSError, HTTPException):
        return ""
    return f" ({said})" if said else ""


def request_body(
    endpoint: Endpoint, prompt: str, schema: Mapping[str, Any], system: str, audio: bytes | None
) -> dict[str, Any]:
    """The request of the chat-completions protocol; a clip goes with it as base64 of a wav file."""
    content: Any = prompt
    if audio is not None:
        sound = {"data": base64.b64encode(audio).decode(), "format": "wav"}
        content = [{"type": "text", "text": prompt}, {"type": "input_audio", "input_audio": sound}]
    messages = [{"role": "system", "content": system}] if system else []
    return {
        "model": endpoint.model,
        "messages": [*messages, {"role": "user", "content": content}],
        "temperature": 0,
        "seed": endpoint.seed,
        "max_tokens": endpoint.max_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)},
        },
    }


def answer_of(reply: bytes, schema: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    """Return the object in a reply.

    Raises:
        NoAnswerError: It is no reply of the protocol, cut short, or not of the schema.
    """
    try:
        choice = json.loads(reply)["choices"][0]
        text, ended = choice["message"]["content"], choice.get("finish_reason")
        answer = object_in(text)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        answer, ended, text = None, None, reply.decode(errors="replace")
    fault = "no JSON object" if answer is None else schema_fault(answer, schema)
    if answer is not None and not fault:
        return answer
    cut = f", cut off at max_tokens={endpoint.max_tokens}" if ended == "length" else ""
    said = " ".join(str(text).split())[:120]
    raise NoAnswerError(f"language model {endpoint.model}: answered nonsense ({fault}{cut}): {said!r}")


def read_until(read: Callable[[int], bytes], end: float, limit: float) -> bytes:
    """Read a reply in pieces, so that one that trickles cannot outlast the time limit.

    Raises:
        PassingFault: The time is over.
        NoAnswerError: The reply is too long.
    """
    pieces, size = [], 0
    while piece := read(1 << 16):
        pieces.append(piece)
        size += len(piece)
        if time.monotonic() > end:
            raise PassingFault(f"no whole answer within {limit:g} s")
        if size > MAX_BYTES:
            raise NoAnswerError(f"language model: a reply of more than {MAX_BYTES >> 20} MiB")
    return b"".join(pieces)
