// node live_pack.mjs REQUEST OUT: runs the exercise in Pyodide, writes the pack and what was answered.
// REQUEST is a JSON file: {pyodide, inside, folders: [path], cells: [text], models: {name: bytes in base64},
// modules: [name]}.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// Without it node prints the whole of Pyodide's script, one line.
process.on("uncaughtException", (error) => {
  console.error(error.message);
  process.exit(1);
});

const [request, out] = process.argv.slice(2);
const { pyodide: home, inside, folders, ...exercise } = JSON.parse(readFileSync(request));
const { loadPyodide } = await import(pathToFileURL(join(home, "pyodide.mjs")));
const python = await loadPyodide({ indexURL: home });

const mounted = folders.map((folder, i) => {
  const place = `/packages/${i}`;
  python.FS.mkdirTree(place);
  python.FS.mount(python.FS.filesystems.NODEFS, { root: folder }, place);
  return place;
});
python.globals.set("given", JSON.stringify({ folders: mounted, ...exercise }));
python.runPython(readFileSync(inside, "utf-8"));
const answers = python.runPython(`
given = json.loads(given)
sys.dont_write_bytecode = True
sys.path[:0] = given["folders"]
json.dumps(exercise(given["cells"], given["models"], given["modules"]))
`);
writeFileSync(join(out, "answers.json"), answers);
for (const [name, pack] of python.runPython(`list(packed(given["folders"]).items())`).toJs()) writeFileSync(join(out, name), pack);
