"""The client against a local HTTP server: its request, its cache, its budget, and every way an endpoint can fail."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from configs.errors import CommandError, InputError
from interpretability.dissection.language import LanguageModel, NoAnswerError, ask_each
from models.chat_endpoint import Endpoint
from models.language_model import LanguageModelClient, ReplayClient

SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string"}, "score": {"type": "number"}},
    "required": ["word"],
    "additionalProperties": False,
}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), sent))
        status, reply = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        if callable(reply):
            reply(self)
            return
        body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def says(text, ended="stop"):
    return 200, {"choices": [{"message": {"content": text}, "finish_reason": ended}]}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.requests, found.replies = [], [says('{"word": "bell"}')]
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.fixture
def client(server):
    def make(cache=None, **settings):
        url = f"http://127.0.0.1:{server.server_port}/v1/"
        return LanguageModelClient(Endpoint(url, "tiny", **{"pause": 0.0, "timeout": 5.0, **settings}), cache)

    return make


def test_the_request_is_of_the_protocol(server, client, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "secret")
    model = client(key_variable="OTHER_KEY", seed=7, max_tokens=50)
    assert model.ask("What is it?", SCHEMA, "You listen.", audio=b"RIFF") == {"word": "bell"}
    path, headers, sent = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer secret"
    assert (sent["model"], sent["temperature"], sent["seed"], sent["max_tokens"]) == ("tiny", 0, 7, 50)
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert sent["messages"][0] == {"role": "system", "content": "You listen."}
    text, sound = sent["messages"][1]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    assert base64.b64decode(sound["input_audio"]["data"]) == b"RIFF"
    assert sound["input_audio"]["format"] == "wav"


def test_without_a_key_none_is_sent(server, client):
    client().ask("x", SCHEMA)
    _, headers, sent = server.requests[0]
    assert "Authorization" not in headers
    assert sent["messages"] == [{"role": "user", "content": "x"}]


def test_a_question_is_sent_once(server, client, tmp_path):
    folder = tmp_path / "cache"
    first = client(folder)
    assert first.ask("x", SCHEMA) == client(folder).ask("x", SCHEMA) == {"word": "bell"}
    assert len(server.requests) == 1
    for changed in (
        lambda: first.ask("y", SCHEMA),
        lambda: first.ask("x", SCHEMA, "system"),
        lambda: first.ask("x", SCHEMA, audio=b"a"),
        lambda: first.ask("x", SCHEMA, audio=b"b"),
        lambda: client(folder, seed=1).ask("x", SCHEMA),
        lambda: first.ask("x", {"type": "object"}),
    ):
        before = len(server.requests)
        changed()
        assert len(server.requests) == before + 1
    assert not list(folder.glob(".*"))
    for path in folder.glob("*.json"):
        path.write_text("{damaged")
    assert client(folder).ask("x", SCHEMA) == {"word": "bell"}
    assert len(server.requests) == 8


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (says("I would call it a bell."), "answered nonsense (no JSON object): 'I would call it a bell.'"),
        (says('["bell"]'), "no JSON object"),
        (says('{"name": "bell"}'), "word is missing"),
        (says('{"word": 3}'), "word is no string"),
        (says('{"word": "bell", "score": true}'), "score is no number"),
        (says('{"word": "bell", "why": ""}'), "why was not asked for"),
        (says('{"word": "be', "length"), "cut off at max_tokens=1024"),
        (says(None), "no JSON object"),
        ((200, {"choices": []}), "no JSON object"),
        ((200, b"<html>"), "no JSON object"),
        ((200, b"[" * 100_000), "no JSON object"),
        ((401, {"error": "no such key"}), 'HTTP status 401 ({"error": "no such key"})'),
        ((302, b""), "HTTP status 302"),
    ],
)
def test_nonsense_is_one_clear_error_and_is_not_kept(server, client, tmp_path, reply, reason):
    server.replies = [reply]
    with pytest.raises(NoAnswerError) as caught:
        client(tmp_path).ask("x", SCHEMA)
    assert isinstance(caught.value, InputError)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not caught.value.final
    assert len(server.requests) == 1
    assert not list(tmp_path.iterdir())


def test_a_fence_around_the_answer_is_taken_off(server, client):
    server.replies = [says('Here it is:\n```json\n{"word": "bell"}\n```')]
    assert client().ask("x", SCHEMA) == {"word": "bell"}
    server.replies = [says('It is {"word": "bell"}, I think.')]
    assert client().ask("x", SCHEMA) == {"word": "bell"}


def test_a_busy_endpoint_is_asked_again(server, client):
    server.replies = [(503, b""), says('{"word": "bell"}')]
    model = client(retries=1)
    assert model.ask("x", SCHEMA) == {"word": "bell"}
    assert model.calls == 2
    server.replies = [(429, b"slow down")]
    with pytest.raises(NoAnswerError, match=r"HTTP status 429 \(slow down\)"):
        model.ask("y", SCHEMA)


def test_an_endpoint_that_times_out(server, client):
    server.replies = [(200, lambda handler: time.sleep(0.4))]
    started = time.monotonic()
    with pytest.raises(NoAnswerError, match=r"no answer within 0.1 s"):
        client(timeout=0.1, retries=0).ask("x", SCHEMA)
    assert time.monotonic() - started < 0.4


def test_an_endpoint_that_trickles(server, client):
    def trickle(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(20):
            try:
                handler.wfile.write(b" ")
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    server.replies = [(200, trickle)]
    with pytest.raises(NoAnswerError, match=r"no whole answer within 0.2 s"):
        client(timeout=0.2, retries=0).ask("x", SCHEMA)


def test_no_endpoint_is_given_up_after_a_few_questions(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    model = LanguageModelClient(Endpoint("http://127.0.0.1:9", "tiny", retries=0, give_up_after=2))
    found = ask_each(["a", "b", "c", "d"], lambda prompt: model.ask(prompt, SCHEMA))
    assert found.answers == (None,) * 4
    assert "refused" in found.marked[0]
    assert model.calls == 2
    with pytest.raises(NoAnswerError, match="given up after 2 questions") as caught:
        model.ask("e", SCHEMA)
    assert caught.value.final


def test_the_budget_is_hard_and_the_run_goes_on(server, client, tmp_path):
    model = client(tmp_path, max_calls=2)
    found = ask_each(["a", "b", "a", "c", "d"], lambda prompt: model.ask(prompt, SCHEMA)["word"])
    assert found.answers == ("bell", "bell", "bell", None, None)  # the third comes from the cache
    assert len(server.requests) == 2
    assert "the budget of 2 calls is spent" in found.marked[3]
    assert list(found.marked) == [3, 4]
    again = client(tmp_path, max_calls=2)
    assert ask_each(["a", "b", "c", "d"], lambda p: again.ask(p, SCHEMA)["word"]).answers == ("bell",) * 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "file:///etc/hosts"}, "begins with http"),
        ({"model": ""}, "no model is named"),
        ({"max_calls": 0}, "max_calls=0"),
        ({"timeout": 0}, "timeout=0"),
    ],
)
def test_settings_that_cannot_be_used(settings, message):
    with pytest.raises(CommandError, match=message):
        Endpoint(**{"url": "http://localhost/v1", "model": "tiny", **settings})


def test_replayed_answers():
    model: LanguageModel = ReplayClient([{"word": "bell"}, {"name": ""}, NoAnswerError("timed out")])
    assert model.ask("x", SCHEMA, audio=b"a") == {"word": "bell"}
    assert model.asked == [("x", b"a")]
    for reason in ("word is missing", "timed out", "only 3 answers were recorded"):
        with pytest.raises(NoAnswerError, match=reason):
            model.ask("x", SCHEMA)
    assert ReplayClient(lambda prompt: {"word": prompt}).ask("x", SCHEMA) == {"word": "x"}
