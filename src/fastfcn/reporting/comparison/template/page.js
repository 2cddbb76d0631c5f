"use strict";

// Sorts by a cell's data-value: numbers by size, words by letter; cells without one stay last in both directions.
function sortBy(table, column, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  const numeric = table.tHead.rows[0].cells[column].classList.contains("number");
  const value = (row) => row.cells[column].dataset.value;
  const compare = (a, b) => {
    const [one, other] = [value(a), value(b)];
    if (one === undefined || other === undefined) return (one === undefined) - (other === undefined);
    return sign * (numeric ? Number(one) - Number(other) : one.localeCompare(other));
  };
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
  for (const [index, cell] of [...table.tHead.rows[0].cells].entries()) {
    if (cell.hasAttribute("aria-sort")) cell.setAttribute("aria-sort", index === column ? direction : "none");
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const button of table.querySelectorAll("thead button")) {
    button.addEventListener("click", () => {
      const cell = button.closest("th");
      const first = cell.classList.contains("number") ? "descending" : "ascending";
      const second = first === "descending" ? "ascending" : "descending";
      sortBy(table, cell.cellIndex, cell.getAttribute("aria-sort") === first ? second : first);
    });
  }
}

function addCell(row, kind, text, value) {
  const cell = document.createElement(kind);
  cell.textContent = text;
  if (kind === "td") cell.className = "number";
  if (kind === "th") cell.scope = "row";
  if (value !== null) cell.dataset.value = value;
  row.append(cell);
  return cell;
}

function addBar(row, difference, largest) {
  const cell = document.createElement("td");
  if (difference !== null) {
    const track = document.createElement("div");
    const bar = document.createElement("i");
    track.className = "bar";
    bar.className = difference < 0 ? "down" : "up";
    bar.style.width = `${largest ? (50 * Math.abs(difference)) / largest : 0}%`;
    track.append(bar);
    cell.append(track);
  }
  row.append(cell);
}

function showDifferences(block) {
  const rows = JSON.parse(block.querySelector("script").textContent);
  const table = block.querySelector("table");
  const [a, b] = ["A", "B"].map((side) => rows[block.querySelector(`select[data-side="${side}"]`).value]);
  const classes = [...new Set([...Object.keys(a), ...Object.keys(b)])].map((name) => {
    const [one, other] = [a[name] ?? null, b[name] ?? null];
    return { name, one, other, difference: one === null || other === null ? null : 100 * (one - other) };
  });
  const largest = Math.max(...classes.map((each) => Math.abs(each.difference ?? 0)));
  const percent = (value) => (value === null ? "absent" : (100 * value).toFixed(2));
  table.tBodies[0].replaceChildren();
  for (const { name, one, other, difference } of classes) {
    const row = table.tBodies[0].insertRow();
    addCell(row, "th", name, name);
    addCell(row, "td", percent(one), one);
    addCell(row, "td", percent(other), other);
    addCell(row, "td", difference === null ? "" : (difference > 0 ? "+" : "") + difference.toFixed(2), difference);
    addBar(row, difference, largest);
  }
  const sorted = table.querySelector('th[aria-sort$="ending"]');
  if (sorted) sortBy(table, sorted.cellIndex, sorted.getAttribute("aria-sort"));
}

for (const block of document.querySelectorAll(".differences")) {
  for (const select of block.querySelectorAll("select")) select.addEventListener("change", () => showDifferences(block));
  showDifferences(block);
}
