// Search and filters of a list whose rows are already in the page: [data-text] and one data- attribute per filter.
"use strict";

(function () {
  for (const form of document.querySelectorAll("form.filters")) {
    const rows = Array.from(document.querySelectorAll(`#${form.dataset.list} > [data-text]`));
    const texts = rows.map((row) => row.dataset.text.toLocaleLowerCase());
    const count = form.querySelector("output");
    const update = () => {
      const words = (form.elements.search ? form.elements.search.value : "")
        .toLocaleLowerCase()
        .split(/\s+/)
        .filter(Boolean);
      const filters = Array.from(form.querySelectorAll("select")).filter((select) => select.value !== "");
      let shown = 0;
      rows.forEach((row, i) => {
        const fits =
          words.every((word) => texts[i].includes(word)) &&
          filters.every((select) => (row.dataset[select.name] || "").split(" ").includes(select.value));
        row.hidden = !fits;
        shown += fits ? 1 : 0;
      });
      count.textContent = shown === rows.length ? `${shown} in all` : `${shown} of ${rows.length}`;
    };
    form.addEventListener("input", update);
    form.addEventListener("submit", (event) => event.preventDefault());
    update();
  }
})();
