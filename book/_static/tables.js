// Tables of libraries and of cells: a click on a column's heading sorts its table, a box filters all of them,
// and numbers that keep their formula are evaluated at sizes of one's choice. Without this script they are
// plain tables.
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
  const counted = tables.flatMap((table) => [...table.querySelectorAll("data")]);
  if (counted.length) filter.before(sizes(counted));

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

// A sum of products such as "3*m*n + n**2", exactly. A projection p has half as many units as the layer.
function evaluated(formula, at) {
  const factor = (word) => {
    const [base, power = "1"] = word.split("^");
    return (at[base] ?? BigInt(base)) ** BigInt(power);
  };
  const product = (term) => term.split("*").reduce((all, word) => all * factor(word), 1n);
  const terms = formula.replaceAll("**", "^").replaceAll(" - ", " + -1*").split(" + ");
  return terms.reduce((all, term) => all + product(term), 0n);
}

// Two fields for the sizes; while one of them holds no size, the numbers stay as they are.
function sizes(counted) {
  const row = document.createElement("p");
  row.className = "table-sizes";
  const fields = [["m", "inputs", "128"], ["n", "units", "256"]].map(([name, what, first]) => {
    const field = document.createElement("input");
    Object.assign(field, { value: first, name, inputMode: "numeric", required: true, maxLength: 20 });
    Object.assign(field, { pattern: "0*[1-9][0-9]*", title: "a whole number, such as 128" });
    const label = document.createElement("label");
    label.append(`${what} ${name} = `, field);
    row.append(label);
    return field;
  });
  row.addEventListener("input", () => {
    if (!fields.every((field) => field.checkValidity())) return;
    const [m, n] = fields.map((field) => BigInt(field.value));
    for (const number of counted)
      number.textContent = evaluated(number.value, { m, n, p: n / 2n }).toLocaleString("en");
  });
  return row;
}
