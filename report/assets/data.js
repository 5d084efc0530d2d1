// From the data files of the report to arrays: one model, and clips as they are opened.
"use strict";

(function () {
  const { load, floats, samples } = soundglass;

  // Model with its arrays decoded, `atoms[k]` the spectrum w_k of component k, and C, P, K, F.
  soundglass.loadModel = async function () {
    const data = await load("model");
    if (data.atoms) return data;
    const dictionary = floats(data.dictionary);
    data.atoms = Array.from({ length: data.K }, (_, k) => dictionary.subarray(k * data.F, (k + 1) * data.F));
    for (const name of ["scale", "weight", "prior"]) data[name] = data[name] && floats(data[name]);
    for (const name of Object.keys(data.attention || {})) data.attention[name] = floats(data.attention[name]);
    return data;
  };

  // Clip with `waveform` (samples), `H` (component * frames + frame), `logits` and `relevance` (C arrays of K, or null).
  soundglass.loadClip = async function (key, model) {
    const data = await load(`clip/${key}`);
    if (data.H) return data;
    data.waveform = samples(data.pcm, data.peak);
    data.H = floats(data.activations);
    data.logits = floats(data.logits);
    data.frames = data.H.length / model.K;
    const relevance = data.relevance && floats(data.relevance);
    data.relevance = relevance && rows(relevance, model.K);
    delete data.pcm;
    delete data.activations;
    return data;
  };

  // Mean relevance per class over many clips: C arrays of K, or null where no clip was predicted as the class.
  soundglass.globalRelevance = function (model) {
    if (!model.global_relevance) return Array.from({ length: model.C }, () => null);
    const values = rows(floats(model.global_relevance), model.K);
    return values.map((row, c) => (model.n_predicted[c] > 0 && row.every(Number.isFinite) ? row : null));
  };

  function rows(values, width) {
    return Array.from({ length: values.length / width }, (_, r) => values.subarray(r * width, (r + 1) * width));
  }
})();
