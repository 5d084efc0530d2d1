// From the data files of the gallery to units and clips; rows of the list are arrays, as short as can be.
"use strict";

(function () {
  const { load, samples } = soundglass;
  // Places of a row, as report/dissection_data.py writes them.
  const FIELDS = [
    ["layer", "unit", "pole", "label", "sentence", "auprc", "chance", "dead", "polysemantic"],
    ["clip", "seconds", "overlap", "z"],
  ].flat();

  // The list with `units` as objects that know their place, key, name of the layer and what is searched.
  soundglass.loadUnits = async function () {
    const list = await load("units");
    if (list.ready) return list;
    list.units = list.units.map((row, place) => {
      const unit = Object.fromEntries(FIELDS.map((name, i) => [name, row[i]]));
      unit.place = place;
      unit.layer = list.layers[row[0]];
      unit.key = `${unit.layer}/${unit.unit}${unit.pole > 0 ? "+" : "-"}`;
      unit.text = `${unit.layer} ${unit.unit} ${unit.label || "no label"} ${unit.sentence}`.toLocaleLowerCase();
      return unit;
    });
    list.byKey = new Map(list.units.map((unit) => [unit.key, unit]));
    list.signed = new Set(list.units.filter((unit) => unit.pole < 0).map((unit) => `${unit.layer}/${unit.unit}`));
    list.ready = true;
    return list;
  };

  // The whole record of a unit of the list.
  soundglass.loadUnit = async function (list, unit) {
    const shard = await load(`units/${Math.floor(unit.place / list.shard)}`);
    return shard[unit.key];
  };

  // Sound of a clip of the probe set: {samples, rate}.
  soundglass.loadProbe = async function (list, number) {
    const data = await load(`probe/${number}`);
    return { samples: samples(data.pcm, data.peak), rate: list.front_end.sample_rate };
  };

  // `length` seconds of a clip around a moment, or the whole where that is unknown or the clip is short.
  soundglass.around = function ({ samples: sound, rate }, seconds, length) {
    if (seconds === null || sound.length <= 1.5 * length * rate) return { samples: sound, rate, start: 0 };
    const first = Math.max(0, Math.min(sound.length - length * rate, (seconds - length / 2) * rate)) | 0;
    return { samples: sound.subarray(first, first + Math.round(length * rate)), rate, start: first / rate };
  };

  // "+" and "−" tell the poles of a signed unit apart; others have one.
  soundglass.unitName = function (list, unit) {
    const pole = list.signed.has(`${unit.layer}/${unit.unit}`) ? (unit.pole > 0 ? " +" : " \u2212") : "";
    return `unit ${unit.unit}${pole}`;
  };

  soundglass.unitLink = (unit) => `unit.html#${encodeURIComponent(unit.key)}`;
})();
