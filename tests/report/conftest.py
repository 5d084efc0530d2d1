"""A headless Chromium for tests of the report, spoken to over the pipe of its DevTools protocol."""

import base64
import contextlib
import dataclasses
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from configs.compose import compose
from models.by_design import ByDesignClassifier
from report import explained
from report.explained import Excerpt, ExplainedClasses, ExplainedClip, ExplainedModel

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60  # s


class Browser:
    """One page of a headless Chromium that has no network; it notes whatever the page says, asks for or gets wrong."""

    def __init__(self, program: str, profile: Path) -> None:
        to_child, ours_out = os.pipe()
        ours_in, from_child = os.pipe()

        def connect() -> None:  # Chromium reads commands from file descriptor 3 and answers on 4
            spare_in, spare_out = os.dup(to_child), os.dup(from_child)
            os.dup2(spare_in, 3)
            os.dup2(spare_out, 4)

        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
        ]
        options += ["--autoplay-policy=no-user-gesture-required", "--host-resolver-rules=MAP * ~NOTFOUND"]
        options += [
            "--disable-background-networking",
            "--no-first-run",
            "--mute-audio",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
        ]
        self.process = subprocess.Popen(
            [program, *options, "about:blank"],
            preexec_fn=connect,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_child)
        os.close(from_child)
        self.write, self.read, self.buffer = ours_out, ours_in, b""
        self.number, self.events = 0, []
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters):
        """Send a command and return its result; events that arrive meanwhile are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.next_message(deadline)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def next_message(self, deadline: float):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(0, deadline - time.monotonic()))
            assert ready, "Chromium did not answer"
            self.buffer += os.read(self.read, 1 << 20)
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def evaluate(self, expression: str):
        """Value of a JavaScript expression, awaited if it is a promise."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"{expression} did not become true; {self.errors()}"
            time.sleep(0.02)

    def open(self, page: Path, fragment: str = "", ready: str = "window.soundglass && soundglass.ready") -> float:
        """Open a file and wait until it is ready; the time that took in seconds."""
        self.call("Page.navigate", url="about:blank")
        self.events.clear()
        started = time.monotonic()
        self.call("Page.navigate", url=page.resolve().as_uri() + (f"#{fragment}" if fragment else ""))
        self.wait_for(f"location.protocol === 'file:' && document.readyState === 'complete' && {ready}")
        return time.monotonic() - started

    def press(self, key: str, code: str, number: int) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, windowsVirtualKeyCode=number, **text)

    def size(self, width: int, height: int = 900, dark: bool = False) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path, whole: bool = True) -> None:
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def errors(self) -> list[str]:
        """Uncaught exceptions, console errors and what the browser logged as an error."""
        self.evaluate("1")  # collects what has arrived
        found = []
        for event in self.events:
            method, content = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(content["exceptionDetails"].get("exception", content))[:400])
            elif method == "Runtime.consoleAPICalled" and content["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(content["args"])[:400])
            elif method == "Log.entryAdded" and content["entry"]["level"] in ("error", "warning"):
                found.append(content["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        self.evaluate("1")
        sent = [event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [request["request"]["url"] for request in sent]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.write)
            os.close(self.read)
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium; tests that need it skip, saying so, where none is installed."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no Chromium installed (looked for {', '.join(NAMES)})")
    chromium = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


HOSTILE = (
    "dog",
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror=window.hacked=1>",
    "\u202eשלום \"quoted\" & 'single'",
)
"""Class names that must be shown and never executed."""


class UntrainedRun:
    """A run folder with an untrained by-design model, a few explained clips of noise and tones, and their truth."""

    def __init__(self, folder: Path, settings: list[str], multi_label: bool, class_names: tuple[str, ...]) -> None:
        torch.manual_seed(0)
        rng = np.random.default_rng(0)
        self.folder = folder
        folder.mkdir(parents=True)
        self.config = compose(["model.n_components=12", "backbone.width=4", "backbone.blocks=3", *settings])
        self.network = ByDesignClassifier(self.config, class_names, multi_label).eval()
        head = self.network.bottleneck
        spectra = torch.rand(self.network.front_end.n_bins, 12) ** 8
        spectra[-3:] = 0  # bins that no component explains
        head.set_dictionary(spectra / spectra.norm(dim=0), 0.5 + torch.rand(12))
        with torch.no_grad():
            head.weight.mul_(30)
            if head.prior is not None:
                head.prior.uniform_(-1, 1)
        self.attention = None
        if "attention" in self.config.model.pooling:
            self.attention = {name: value.numpy() for name, value in head.pooling.state_dict().items()}
        self.clips: list[ExplainedClip] = []
        self.model = ExplainedModel(
            experiment="untrained",
            run_id="one",
            class_names=class_names,
            multi_label=multi_label,
            front_end=self.network.front_end.settings,
            dictionary=head.dictionary.numpy(),
            scale=head.scale.numpy(),
            weight=head.weight.detach().numpy(),
            prior=None if head.prior is None else head.prior.detach().numpy(),
            pooling=self.config.model.pooling,
            statistic_names=head.statistic_names,
            attention=self.attention,
            attention_from=self.config.model.attention_from,
        )
        explained.save_model(folder, self.model)
        relevance = rng.uniform(-1, 1, (len(class_names), 12)).astype(np.float32)
        excerpts = tuple(Excerpt(k, HOSTILE[1], 0.5, rng.uniform(-1, 1, 2000).astype(np.float32)) for k in range(12))
        counts = np.full(len(class_names), 3)
        explained.save_classes(folder, ExplainedClasses(relevance, counts, typical=excerpts))

    def add(self, name: str, seconds: float = 1.0, length: int | None = None) -> ExplainedClip:
        """Explain a clip of which `length` samples are sound, and write it."""
        rate = self.config.front_end.sample_rate
        rng = np.random.default_rng(len(self.clips))
        time = np.arange(int(seconds * rate)) / rate
        waveform = 0.2 * rng.standard_normal(len(time)) * np.exp(-3 * time) + 0.3 * np.sin(2e3 * time * (1 + time))
        waveform = torch.from_numpy((waveform / np.abs(waveform).max()).astype(np.float32))[None]
        if length is not None:
            waveform[:, length:] = 0
        with torch.no_grad():
            analysis = self.network.analyse(waveform, None if length is None else torch.tensor([length]))
            output = self.network.respond(analysis)
        clip = ExplainedClip(
            name=name,
            split="val",
            waveform=waveform[0].numpy(),
            activations=output.activations[0].numpy(),
            logits=output.logits[0].numpy(),
            target=(len(self.clips) % len(self.model.class_names),),
            n_frames=waveform.shape[1] if analysis.n_steps is None else int(analysis.n_steps[0]),
        )
        clip = dataclasses.replace(clip, n_frames=min(clip.n_frames, clip.activations.shape[1]))
        explained.save_clip(self.folder, clip)
        self.clips.append(clip)
        return clip


@pytest.fixture
def untrained(tmp_path):
    """Builder of run folders with an untrained model."""

    def build(*settings: str, multi_label: bool = False, class_names: tuple[str, ...] = HOSTILE) -> UntrainedRun:
        return UntrainedRun(tmp_path / "untrained" / "one", list(settings), multi_label, class_names)

    return build
