// Namespace of the report, page data that arrive in script files, and safe building of elements.
// Scripts are plain files in a fixed order: modules and fetch are refused by browsers on file:// addresses.
"use strict";

window.soundglass = (function () {
  const received = new Map();
  const waiting = new Map();

  // Called by every file of data/: soundglass.receive("clip/name", {...}).
  function receive(name, data) {
    received.set(name, data);
    if (waiting.has(name)) waiting.get(name).resolve(data);
    waiting.delete(name);
  }

  // Promise of the data of data/NAME.js; the file is read once, when it is first asked for.
  function load(name) {
    if (received.has(name)) return Promise.resolve(received.get(name));
    if (!waiting.has(name)) {
      const entry = {};
      entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
      waiting.set(name, entry);
      const script = document.createElement("script");
      script.src = `data/${name}.js`;
      script.onerror = () => {
        waiting.delete(name);
        entry.reject(new Error(`data/${name}.js is missing from the report folder`));
      };
      document.head.append(script);
    }
    return waiting.get(name).promise;
  }

  // Element with attributes and children; text children become text nodes, so markup in names is only ever shown.
  function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // A name given by somebody else, kept apart from the direction of the text around it.
  const bdi = (text) => el("bdi", {}, text);

  function bytes(base64) {
    const text = atob(base64);
    const result = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) result[i] = text.charCodeAt(i);
    return result.buffer;
  }

  const floats = (base64) => new Float32Array(bytes(base64));

  // 16-bit samples (little endian, as every browser's machine) of a waveform whose largest value is `peak`.
  function samples(base64, peak) {
    const pcm = new Int16Array(bytes(base64));
    const result = new Float32Array(pcm.length);
    for (let i = 0; i < pcm.length; i++) result[i] = (pcm[i] * peak) / 32767;
    return result;
  }

  const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1)} %`;
  const signed = (value) => `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(2)}`;

  // Calls `act` once, `delay` ms after the last of several calls.
  function debounced(act, delay) {
    let timer = 0;
    return () => {
      clearTimeout(timer);
      timer = setTimeout(act, delay);
    };
  }

  function fail(container, error) {
    container.replaceChildren(el("p", { class: "notice", role: "alert" }, error.message));
  }

  // The part of the address after '#', by which list pages point at one clip or class.
  const fragment = () => decodeURIComponent(location.hash.slice(1));

  return { receive, load, el, bdi, floats, samples, percent, signed, debounced, fail, fragment };
})();
