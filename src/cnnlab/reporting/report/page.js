"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const tell = () => theme.setAttribute("aria-pressed", isDark());
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });
  system.addEventListener("change", tell);
  tell();

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const cell = (row) => row.cells[column];
        const number = (row) => (cell(row).dataset.value ?? "").replace("inf", "Infinity");
        const rows = [...table.tBodies[0].rows].sort((a, b) => {
          const [x, y] = [Number(number(a) || NaN), Number(number(b) || NaN)];
          const words = cell(a).textContent.localeCompare(cell(b).textContent, undefined, { numeric: true });
          const order = isNaN(x) || isNaN(y) ? words : x === y ? 0 : x - y;
          return up ? order : -order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  for (const filter of document.querySelectorAll("p.filter")) {
    const items = [...document.getElementById(filter.dataset.gallery).children];
    const choices = [...filter.querySelectorAll("select")];
    const show = () => {
      for (const item of items) {
        item.hidden = choices.some((one) => one.value !== "" && item.dataset[one.dataset.field] !== one.value);
      }
      const shown = items.filter((item) => !item.hidden).length;
      const words = filter.dataset.shown.replace("*", shown).replace("#", items.length);
      filter.querySelector("output").textContent = words;
    };
    choices.forEach((choice) => choice.addEventListener("change", show));
    show();
  }

  // A point says what it is when pointed at, and when arrow keys come to it.
  const said = document.getElementById("said");
  let marked = null;
  const say = (point) => {
    marked?.classList.remove("on");
    marked = point;
    marked?.classList.add("on");
    said.textContent = point?.querySelector("title")?.textContent ?? "";
    if (!point) return;
    const place = point.getBoundingClientRect();
    const [width, height] = [said.offsetWidth, said.offsetHeight];
    const left = place.left + place.width / 2 - width / 2;
    said.style.left = `${Math.max(8, Math.min(left, root.clientWidth - width - 8))}px`;
    said.style.top = `${place.top > height + 16 ? place.top - height - 8 : place.bottom + 8}px`;
  };
  document.addEventListener("pointerover", (event) => {
    const point = event.target.closest?.(".chart .point, .chart rect");
    if (point || !marked?.closest("svg").matches(":focus")) say(point ?? null);
  });
  addEventListener("scroll", () => say(null), { passive: true });
  for (const chart of document.querySelectorAll("svg.chart[tabindex]")) {
    const lines = [...chart.querySelectorAll("g")]
      .map((line) => [...line.querySelectorAll(":scope > .point")])
      .filter((points) => points.length);
    let [line, place] = [0, 0];
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
    const show = () => {
      line = (line + lines.length) % lines.length;
      place = Math.max(0, Math.min(place, lines[line].length - 1));
      say(lines[line][place]);
    };
    chart.addEventListener("focus", () => lines.length && chart.matches(":focus-visible") && show());
    chart.addEventListener("blur", () => say(null));
    chart.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      if (event.key === "Escape") say(null);
      if (!step || !lines.length) return;
      event.preventDefault();
      [line, place] = [line + step[0], place + step[1]];
      show();
    });
  }

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.layers")) details.open = true;
  });
})();
