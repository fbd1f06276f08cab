// Tables of libraries and of cells: a click on a column's heading sorts its table, and a box filters all of
// them. Without this script they are plain tables.
document.addEventListener("DOMContentLoaded", () => {
  const PAGES = [
    {
      tables: "section#which-library-stores-what :is(#gru, #lstm, #simple-recurrent-network, #cells-with-fewer-gates) table",
      below: "section#gru > h2",
      hint: "keras, after, 4n",
    },
    { tables: "section#all-cells table", below: "section#all-cells > h2", hint: "peephole, salem, 296,448" },
  ];
  const page = PAGES.find(({ below }) => document.querySelector(below));
  if (!page) return;
  const tables = [...document.querySelectorAll(page.tables)];
  // A formula is there twice, typeset and for a screen reader: once is enough.
  const text = (cell) => {
    const copy = cell.cloneNode(true);
    for (const hidden of copy.querySelectorAll(".katex-mathml")) hidden.remove();
    return copy.textContent.trim();
  };
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
        const rows = [...table.tBodies[0].rows].map((row) => [text(row.cells[column]), row]);
        rows.sort(([a], [b]) => (number(a) - number(b) || a.localeCompare(b)) * (down ? -1 : 1));
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  }

  const filter = document.createElement("input");
  filter.type = "search";
  filter.placeholder = `Show only rows with, such as ${page.hint}`;
  filter.setAttribute("aria-label", "Show only rows with these words");
  filter.className = "filter-rows";
  document.querySelector(page.below).after(filter);
  const split = (words) => words.toLowerCase().split(/[\s()=‑·]+|,(?!\d)/).filter(Boolean);
  let rows; // each with its words, read when they are first asked for
  filter.addEventListener("input", () => {
    rows ??= tables.flatMap((table) => [...table.tBodies[0].rows]).map((row) => [
      row,
      [...row.cells].flatMap((cell) => split(text(cell))),
    ]);
    const words = split(filter.value);
    for (const [row, known] of rows)
      row.hidden = !words.every((word) => known.some((other) => other.startsWith(word)));
  });
});
