// How well a page answers a search: by how many of the words are in its titles and its description, the
// landing page before an equal. Before searchtools.js, which adds what it finds in the texts.
const SAID = {}; // by document: title and description, put in when the site is built
const ASKED = (new URLSearchParams(location.search).get("q") ?? "")
  .toLowerCase()
  .split(/[^\p{Letter}\p{Number}_]+/u)
  .filter((word) => word && !["a", "and", "does", "for", "how", "in", "is", "of", "the", "to"].includes(word));
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
  score([page, title, anchor, , score]) {
    const share = (text = "") =>
      ASKED.filter((word) => text.toLowerCase().includes(word)).length / Math.max(ASKED.length, 1);
    const [long, about] = anchor ? [] : (SAID[page] ?? []);
    return score + 20 * share(title) + 20 * share(long) + 10 * share(about) + (page === "book/index" && !anchor);
  },
};
// A page from a folder may not read the others to quote them.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
