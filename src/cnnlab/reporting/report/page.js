"use strict";
(() => {
  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
        const rows = [...table.tBodies[0].rows].sort((a, b) => {
          const [x, y] = [value(a), value(b)];
          const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : Number(x) - Number(y);
          return up ? order : -order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }
  for (const choice of document.querySelectorAll("select.filter")) {
    choice.addEventListener("change", () => {
      for (const item of document.getElementById(choice.dataset.gallery).children) {
        item.hidden = choice.value !== "" && item.dataset.true !== choice.value;
      }
    });
  }
  const said = document.getElementById("said");
  document.addEventListener("pointerover", (event) => {
    const mark = event.target.closest?.(".chart circle, .chart rect");
    said.textContent = mark?.querySelector("title")?.textContent ?? "";
  });
})();
