// "Which library stores what": a click on a column's heading sorts its table, and a box filters all of
// them. Without this script they are plain tables.
document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("section#which-library-stores-what");
  if (!page) return;
  const tables = [...page.querySelectorAll("section#gru table, section#lstm table, section#simple-recurrent-network table, section#cells-with-fewer-gates table")];
  const text = (row, column) => row.cells[column].textContent.trim();
  const number = (word) => Number(word.replace(/,/g, ""));

  for (const table of tables) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.className = "sort-column";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows].sort((one, other) => {
          const [a, b] = [text(one, column), text(other, column)];
          const order = number(a) - number(b) || 0;
          return (order || a.localeCompare(b)) * (down ? -1 : 1);
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  const filter = document.createElement("input");
  filter.type = "search";
  filter.placeholder = "Show only rows with, such as keras, after, 4n";
  filter.setAttribute("aria-label", "Show only rows with these words");
  filter.className = "filter-rows";
  page.querySelector("section#gru > h2").after(filter);
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    for (const row of tables.flatMap((table) => [...table.tBodies[0].rows])) {
      const cells = [...row.cells].map((cell) => cell.textContent.trim().toLowerCase());
      row.hidden = !words.every((word) => cells.some((cell) => cell === word || cell.split(/[\s(),=‑]+/).includes(word)));
    }
  });
});
