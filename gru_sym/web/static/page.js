// The living page: reads the fields, writes the answer, keeps the settings in the address.

function start() {
  const root = document.getElementById("gru-calculator");
  if (!root) return;
  const at = (name) => document.getElementById(`gru-${name}`);
  let state = { ...START };

  const address = () => {
    const words = [`m=${state.m}`, `n=${state.n}`];
    if (state.p.trim() && hasProjection(state.key)) words.push(`p=${state.p}`);
    if (state.L !== "1") words.push(`L=${state.L}`);
    if (state.both) words.push("both");
    if (!state.biases) words.push("bare");
    return `#${encodeURI(state.key)}?${words.map(encodeURI).join("&")}`;
  };

  // The settings that an address asks for; null for one that is no question to the calculator.
  const asked = (hash) => {
    let text = "";
    try {
      text = decodeURI(hash.slice(1));
    } catch {
      return null;
    }
    const [key, query] = text.split("?");
    if (query === undefined) return null;
    const words = new Map(query.split("&").map((word) => word.split("=", 2)));
    const known = keys.includes(key);
    at("note").textContent = known ? "" : "The address names a layer that is not here; this is another.";
    const sizes = Object.fromEntries(["m", "n", "p", "L"].flatMap((s) =>
      (words.has(s) ? [[s, words.get(s) ?? ""]] : [])));
    return { ...START, ...sizes, key: known ? key : START.key, both: words.has("both"),
      biases: !words.has("bare") };
  };

  const write = () => {
    const now = read(state);
    const faults = Object.keys(now.faults);
    for (const name of ["m", "n", "p", "L"]) {
      at(`fault-${name}`).textContent = now.faults[name] ?? "";
      at(name).setAttribute("aria-invalid", faults.includes(name));
    }
    at("answer").classList.toggle("gru-stale", faults.length > 0);
    if (faults.length) return;
    for (const [place, html] of Object.entries(answer(now))) {
      if (at(place).innerHTML !== html) at(place).innerHTML = html;
    }
  };

  // What there is to choose depends on the layer.
  const offer = () => {
    const all = variants(state.key);
    if (plain(state.key).family !== plain(at("key").value).family) at("key").innerHTML = options(state);
    at("key").value = state.key;
    at("field-p").hidden = !hasProjection(state.key);
    const both = [true, false].every((biases) => all.some((c) => cellOf(c).biases === biases));
    at("bare").disabled = !both;
    if (!both) state.biases = cellOf(all[0]).biases;
    at("bare").checked = !state.biases;
    at("both").checked = state.both;
    for (const name of ["m", "n", "p", "L"]) {
      if (at(name).value !== state[name]) at(name).value = state[name];
      at(`field-${name}`).querySelector("label span").textContent = calledBy(state.key, name);
    }
    for (const radio of root.querySelectorAll("[name=family]")) {
      radio.checked = radio.value === plain(state.key).family;
    }
  };

  const changed = () => {
    at("note").textContent = "";
    offer();
    write();
    history.replaceState(null, "", address());
  };

  at("form").addEventListener("submit", (event) => event.preventDefault());
  const follows = ({ target }) => {
    if (target.name === "family") {
      if (plain(state.key).family === target.value) return;
      const { library } = plain(state.key);
      const own = keys.filter((key) => plain(key).family === target.value);
      state.key = own.find((key) => plain(key).library === library) ?? own[0];
      state.biases = cellOf(plain(state.key)).biases;
    } else if (target.name === "key") {
      state.key = target.value;
      if (!variants(state.key).some((c) => cellOf(c).biases === state.biases)) {
        state.biases = !state.biases;
      }
    } else if (target.name === "both") state.both = target.checked;
    else if (target.name === "bare") state.biases = !target.checked;
    else state[target.name] = target.value;
    changed();
  };
  for (const event of ["input", "change"]) at("form").addEventListener(event, follows);

  const copied = async (button, text) => {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = before; }, 1500);
  };
  at("link").addEventListener("click", () => {
    history.replaceState(null, "", address());
    copied(at("link"), location.href);
  });
  at("code").addEventListener("click", ({ target }) => {
    if (target.matches(".gru-copy")) copied(target, target.previousElementSibling.textContent);
  });

  const follow = () => {
    const wanted = asked(location.hash);
    if (!wanted) return;
    state = wanted;
    offer();
    write();
  };
  addEventListener("hashchange", follow);
  offer();
  follow();
}

if (globalThis.document) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
}
