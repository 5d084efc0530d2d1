// Names that people give to components: those the report came with, and changes kept by this browser.
"use strict";

soundglass.names = (function () {
  const { el } = soundglass;
  const LONGEST = 60; // characters
  let model = null;
  let edited = {};
  const place = () => `soundglass/names/${model.dictionary_hash}`;

  function open(opened) {
    model = opened;
    try {
      edited = JSON.parse(localStorage.getItem(place()) || "{}");
    } catch {
      edited = {}; // storage is switched off or damaged: names last as long as the page
    }
  }

  const given = (k) => (k in edited ? edited[k] : model.names[k] || "");
  const label = (k) => given(k) || `component ${k}`;

  function set(k, name) {
    const text = name.trim().slice(0, LONGEST);
    if (text === given(k)) return;
    edited[k] = text;
    try {
      localStorage.setItem(place(), JSON.stringify(edited));
    } catch {
      // as above
    }
    document.dispatchEvent(new CustomEvent("component-named", { detail: k }));
  }

  // Every name there is, in the form that report.build reads.
  function file() {
    const all = { ...model.names, ...edited };
    const names = Object.fromEntries(Object.entries(all).filter(([, name]) => name));
    return { dictionary: model.dictionary_hash, names };
  }

  function save() {
    const blob = new Blob([`${JSON.stringify(file(), null, 2)}\n`], { type: "application/json" });
    const link = el("a", { href: URL.createObjectURL(blob), download: "component_names.json" });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // A field that shows and takes the name of component k.
  function field(k) {
    const input = el("input", {
      type: "text",
      class: "name",
      dir: "auto",
      maxlength: LONGEST,
      spellcheck: "false",
      autocomplete: "off",
      placeholder: `component ${k}`,
      "aria-label": `Name of component ${k}`,
    });
    input.value = given(k);
    input.addEventListener("change", () => set(k, input.value));
    document.addEventListener("component-named", ({ detail }) => {
      if (detail === k) input.value = given(k);
    });
    return input;
  }

  function saveButton() {
    const hint = "component_names.json; in the run folder, the next report shows its names";
    return el("button", { type: "button", class: "quiet", title: hint, on: { click: save } }, "Save names");
  }

  return { open, given, label, set, file, field, saveButton };
})();
