// A box that scrolls is a stop of the Tab key. The theme asks and tells one box after the other, so that
// the page is laid out anew for each. Here all is asked before any is told, in idle time, or all at once
// where a busy page has none within a second.
(() => {
  const BOXES = "pre, .cell_output > .output, .pst-scrollable-table-container";
  const later = globalThis.requestIdleCallback ?? ((f) => setTimeout(f, 50, { timeRemaining: () => 20 }));
  const idle = (f) => later(f, { timeout: 1000 });
  const scrolls = (box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  let waiting = [];
  let timer = null;

  function some(deadline) {
    const found = [];
    do found.push([waiting[0], scrolls(waiting.shift())]);
    while (waiting.length && (deadline.didTimeout || deadline.timeRemaining() > 10));
    for (const [box, does] of found) box.tabIndex = does ? 0 : -1;
    if (waiting.length) idle(some);
  }

  function all() {
    const begun = waiting.length > 0;
    waiting = [...document.querySelectorAll(BOXES)];
    if (waiting.length && !begun) idle(some);
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(all, 300);
  }

  addEventListener("load", () => {
    all();
    addEventListener("resize", soon);
    new MutationObserver(soon).observe(document.getElementById("main-content"), { subtree: true, childList: true });
  });
})();
