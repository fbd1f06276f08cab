// A chapter's cells, run in the page: in order, then each again as the reader edits it.
(() => {
  const box = document.getElementById("gru-chapter");
  const cells = JSON.parse(box.dataset.cells);
  let queue = [];
  let afresh = true;
  let ran = 0;
  let edited = false; // since the whole chapter was run

  const python = new gruPython(box, {
    again: true,
    ready: () => begin(),
    heard,
    stopped() {
      queue = [];
      afresh = true;
      for (const { place } of cells) place?.classList.remove("gru-live-running");
    },
  });
  python.starter.addEventListener("click", () => python.ready && begin());

  const make = (tag, content, name) => {
    const element = document.createElement(tag);
    element.append(...[content].flat());
    element.className = `gru-live-${name}`;
    return element;
  };

  // What a cell has in the page; some have no place there.
  for (const [number, cell] of cells.entries()) {
    cell.place = document.querySelector(`.gru-cell-${cell.index}`);
    cell.code = cell.place?.querySelector(".cell_input pre");
    cell.stored = cell.place?.querySelector(".cell_output");
    cell.number = number;
    cell.file = cell.needs.startsWith("the file") ? cell.needs : ""; // as long as it is not edited
  }

  function begin() {
    cells.forEach(prepare);
    afresh = true;
    edited = false;
    ran = 0;
    queue = [...cells];
    next();
  }

  // Its code can be changed, and it has a button of its own.
  function prepare(cell) {
    if (!cell.code || cell.button) return;
    const { code } = cell;
    code.contentEditable = "plaintext-only";
    if (code.contentEditable !== "plaintext-only") code.contentEditable = "true";
    code.spellcheck = false;
    for (const [name, value] of Object.entries({ role: "textbox", "aria-multiline": "true", "aria-label": `Code of cell ${cell.number + 1}` }))
      code.setAttribute(name, value);
    code.addEventListener("input", () => {
      cell.source = code.innerText.replace(/\n$/, "");
      cell.file = "";
    });
    code.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.shiftKey || event.ctrlKey)) return;
      event.preventDefault();
      alone(cell);
    });
    cell.button = make("button", "Run", "run");
    cell.button.type = "button";
    cell.button.setAttribute("aria-label", `Run cell ${cell.number + 1}`);
    cell.button.addEventListener("click", () => alone(cell));
    cell.place.querySelector(".cell_input").after(cell.button);
  }

  function alone(cell) {
    if (!python.ready || python.running) return;
    if (afresh) return begin(); // after a stop nothing of the cells above is there
    edited = true;
    queue = [cell];
    next();
  }

  function next() {
    const cell = queue.shift();
    if (!cell) return;
    cell.place?.classList.add("gru-live-running");
    python.ask(cell.number, { ask: "run", source: cell.source, afresh, file: cell.file });
    afresh = false;
    python.tell(`Running cell ${cell.number + 1} of ${cells.length} …`);
  }

  function heard(number, record, fault) {
    const cell = cells[number];
    cell.needs = record?.needs ?? "";
    if (record && !cell.needs) ran += 1;
    if (cell.place) {
      cell.place.classList.remove("gru-live-running");
      cell.place.querySelectorAll(".gru-live-output, .gru-live-needs").forEach((old) => old.remove());
      cell.stored?.toggleAttribute("hidden", !cell.needs);
      if (cell.needs) cell.place.append(make("p", needs(cell), "needs"));
      else cell.place.append(shown(record ?? {}, fault));
    }
    if (queue.length) return next();
    const left = cells.filter((one) => one.needs).length;
    python.tell(
      edited
        ? "Cells below one that was changed are as they were: run them, or the whole chapter again."
        : `${ran} of ${cells.length} cells were run here` +
            (left ? `; ${left} need what no browser has, and show what was stored.` : ".") +
            " Each can be changed and run again.",
    );
  }

  const needs = (cell) =>
    `This cell needs ${cell.needs}, which is not to be had in a browser` +
    (cell.stored ? "; what it shows was stored when the book was made." : ".");

  function shown({ outputs = [], error }, fault) {
    const parts = outputs.map(({ text, html }) => {
      if (text !== undefined) return make("pre", text, "text");
      const part = make("div", "", "html");
      part.innerHTML = html; // the cell's own, as in any notebook
      return part;
    });
    if (error ?? fault) parts.push(make("pre", error ?? fault, "error"));
    const output = make("div", parts, "output");
    output.classList.add("cell_output");
    output.tabIndex = 0; // what is wide scrolls, also with keys
    return output;
  }
})();
