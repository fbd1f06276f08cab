// A file of the reader's, explained: it is chosen or dropped, and only the worker reads in it.
(() => {
  const box = document.getElementById("gru-model");
  const at = (name) => document.getElementById(`gru-model-${name}`);
  const [field, problem, shown] = ["file", "error", "answer"].map(at);
  let file = null;
  let latest = 0;

  const python = new gruPython(box, {
    ready: ask,
    heard(number, record, fault) {
      if (number !== latest) return;
      if (fault) wrong(`gru_sym failed on this file, please report it: ${fault}`);
      else if (record.error) wrong(record.error.text);
      else shown.innerHTML = record.html; // the package's, which escapes what the file has
    },
    stopped: () => (file = null),
  });

  function ask() {
    if (!file) return;
    latest += 1;
    const { name, size } = file;
    python.ask(latest, { ask: "explain", name, size }, { file });
    python.tell(`Reading ${name} …`);
  }

  function wrong(sentence) {
    problem.textContent = sentence;
    problem.hidden = false;
  }

  function chosen(files) {
    if (!files.length) return;
    shown.replaceChildren();
    problem.hidden = true;
    if (files.length > 1) return wrong("One file at a time.");
    [file] = files;
    python.quiet = false;
    if (!python.begun) return python.start();
    if (python.running) python.begin(); // the file before is not waited for
    else if (python.ready) ask();
  }

  field.addEventListener("change", () => chosen([...field.files]));
  for (const name of ["dragover", "dragleave", "drop"])
    box.addEventListener(name, (event) => {
      event.preventDefault(); // a browser would open the file
      box.classList.toggle("gru-live-over", name === "dragover");
      if (name === "drop") field.files = event.dataTransfer.files; // so that its name is told
      if (name === "drop") chosen([...field.files]);
    });
})();
