// One sound at a time through Web Audio. Whoever starts a sound is told when it ends.
"use strict";

soundglass.player = (function () {
  const LEVEL = 0.5; // -6 dB, so that components raised by 6 dB stay within full scale; the same for every sound
  const FADE = 0.015; // s
  let context = null;
  let current = null; // {source, gain, samples, rate, started, loop, owner, onend}

  function begin(samples, rate, offset, loop) {
    const buffer = context.createBuffer(1, Math.max(1, samples.length), rate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer, loop });
    const gain = new GainNode(context, { gain: 0 });
    source.connect(gain).connect(context.destination);
    gain.gain.linearRampToValueAtTime(LEVEL, context.currentTime + FADE);
    source.start(0, offset);
    return { source, gain, samples, rate, loop, started: context.currentTime - offset };
  }

  function end({ source, gain }) {
    source.onended = null;
    gain.gain.setValueAtTime(LEVEL, context.currentTime);
    gain.gain.linearRampToValueAtTime(0, context.currentTime + FADE);
    source.stop(context.currentTime + FADE);
  }

  // Plays from the beginning; stops what was heard before. `onend` is called once, whoever ends the sound.
  function start(owner, samples, rate, { loop = false, onend = () => {} } = {}) {
    stop();
    context = context || new AudioContext();
    context.resume();
    current = { ...begin(samples, rate, 0, loop), owner, onend };
    watch();
  }

  function watch() {
    const mine = current;
    mine.source.onended = () => {
      if (current !== mine) return;
      current = null;
      mine.onend();
    };
  }

  // Goes on with other samples (or another loop setting) at the same place in time.
  function replace(samples, loop = current && current.loop) {
    if (!current) return;
    const place = position();
    end(current);
    current = { ...current, ...begin(samples, current.rate, place, loop) };
    watch();
  }

  function stop() {
    if (!current) return;
    const { onend } = current;
    end(current);
    current = null;
    onend();
  }

  // Seconds from the beginning of the sound.
  function position() {
    if (!current) return 0;
    const length = current.samples.length / current.rate;
    const place = Math.max(0, context.currentTime - current.started);
    return current.loop ? place % length : Math.min(place, length);
  }

  const owner = () => current && current.owner;
  const heard = () => current && current.samples;
  return { start, replace, stop, position, owner, heard };
})();

// A button that plays what `sound()` promises ({samples, rate}), and stops it when pressed again.
soundglass.playButton = function (label, sound, { small = false, onplay = () => {}, onstop = () => {} } = {}) {
  const { el, player } = soundglass;
  const word = el("span", { class: small ? "visually-hidden" : "" }, label);
  const button = el("button", { type: "button", class: small ? "play small" : "play", "aria-pressed": "false" }, word);
  const show = (playing) => {
    button.setAttribute("aria-pressed", String(playing));
    if (!playing) onstop();
  };
  button.addEventListener("click", async () => {
    if (player.owner() === button) return player.stop();
    try {
      const { samples, rate } = await sound();
      player.start(button, samples, rate, { onend: () => show(false) });
      show(true);
      onplay();
    } catch (error) {
      button.after(el("span", { class: "notice", role: "alert" }, error.message));
    }
  });
  return button;
};
