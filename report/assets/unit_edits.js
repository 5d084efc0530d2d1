// What edits of the sounds that drive a unit do to it: a curve for each edit that has doses, a bar for the others.
"use strict";

(function () {
  const { el, signed } = soundglass;
  const TITLES = {
    pitch: ["Pitch shifted", "semitones"],
    tempo: ["Played longer", "times as long"],
    gain: ["Made louder", "dB"],
    noise: ["Noise added", "dB signal to noise"],
    low_pass: ["Only below", "Hz"],
    high_pass: ["Only above", "Hz"],
    reversal: ["Played backwards", ""],
    harmonic: ["Only the tonal part", ""],
    percussive: ["Only the percussive part", ""],
  };

  // The same vertical scale for all, so that edits can be compared.
  soundglass.editCurves = function (edits) {
    const all = Object.entries(edits);
    const size = Math.max(0.1, ...all.flatMap(([, edit]) => edit.effect.map((value) => Math.abs(value ?? 0))));
    const [dosed, single] = [all.filter(([, edit]) => edit.dose.length > 1), all.filter(([, edit]) => edit.dose.length === 1)];
    const charts = dosed.map(([name, edit]) => {
      const [title, unit] = TITLES[name] || [name, edit.unit];
      const log = Math.min(...edit.dose) > 0 && name !== "noise";
      const series = [{ name: "change", y: edit.effect, full: edit.moved.map(Boolean) }];
      return soundglass.unitCurve(title, edit.dose, series, { unit, log, low: -size, high: size });
    });
    const bars = single
      .filter(([, edit]) => edit.effect[0] !== null)
      .map(([name, { effect, moved }]) =>
        soundglass.unitBar((TITLES[name] || [name])[0], effect[0], size, signed(effect[0]), { strong: Boolean(moved[0]) }),
      );
    const found = [el("div", { class: "tuning" }, ...charts.filter(Boolean))];
    if (bars.length) found.push(el("ol", { class: "bars thin unit-bars edit-bars" }, ...bars));
    return found;
  };
})();
