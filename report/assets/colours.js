// Colours of all pictures of spectra, from the floor to full scale; report/thumbnail.py has the same.
"use strict";

(function () {
  const STOPS = [
    [4, 5, 16],
    [38, 20, 76],
    [92, 28, 108],
    [150, 44, 96],
    [204, 70, 72],
    [240, 115, 52],
    [252, 178, 74],
    [252, 244, 190],
  ];

  soundglass.colours = Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (STOPS.length - 1);
    const low = Math.min(Math.floor(place), STOPS.length - 2);
    return STOPS[low].map((value, c) => value + (place - low) * (STOPS[low + 1][c] - value));
  });
})();
