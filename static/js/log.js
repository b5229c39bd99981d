// The log pane: follows the end while it grows, searches in the browser, and keeps place, search
// and follow when htmx replaces it. Markup: templates/_ui/log.html.
const SLACK_PX = 24;
const memory = new Map(); // pane id -> {top, follow, query, current}

function text(pane) {
  return pane.querySelector("[data-log-text]");
}

function remembered(pane) {
  if (!memory.has(pane.id)) memory.set(pane.id, { top: 0, follow: true, query: "", current: -1 });
  return memory.get(pane.id);
}

function ranges(node, query) {
  const found = [];
  const needle = query.toLowerCase();
  if (!needle) return found;
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const hay = walker.currentNode.data.toLowerCase();
    for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, at + needle.length)) {
      const range = new Range();
      range.setStart(walker.currentNode, at);
      range.setEnd(walker.currentNode, Math.min(at + needle.length, walker.currentNode.length));
      found.push(range);
    }
  }
  return found;
}

function reveal(pane, range) {
  const box = text(pane).getBoundingClientRect();
  const hit = range.getBoundingClientRect();
  text(pane).scrollTop += hit.top - box.top - box.height / 2;
}

function mark(pane, { move = 0 } = {}) {
  const state = remembered(pane);
  const found = ranges(text(pane), state.query);
  const label = pane.querySelector("[data-log-found]");
  if (!found.length) state.current = -1;
  else if (move) state.current = (state.current + move + found.length) % found.length;
  else state.current = Math.min(Math.max(state.current, 0), found.length - 1);
  if (label) label.textContent = state.query ? `${state.current + 1} / ${found.length}` : "";
  if (!("highlights" in CSS)) return found[state.current];
  CSS.highlights.set("log-search", new Highlight(...found));
  if (found.length) CSS.highlights.set("log-search-current", new Highlight(found[state.current]));
  else CSS.highlights.delete("log-search-current");
  return found[state.current];
}

function setFollow(pane, follow) {
  remembered(pane).follow = follow;
  const box = pane.querySelector("[data-log-follow]");
  if (box) box.checked = follow;
}

function restore(pane) {
  const state = remembered(pane);
  const search = pane.querySelector("[data-log-search]");
  setFollow(pane, state.follow);
  if (search && search.value !== state.query) search.value = state.query;
  text(pane).scrollTop = state.follow ? text(pane).scrollHeight : state.top;
  if (state.query) mark(pane);
}

function restoreAll() {
  for (const pane of document.querySelectorAll("[data-log]")) restore(pane);
}

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-log-search]")) return;
  const pane = event.target.closest("[data-log]");
  Object.assign(remembered(pane), { query: event.target.value, current: 0 });
  const range = mark(pane);
  if (range) {
    setFollow(pane, false);
    reveal(pane, range);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("[data-log-search]")) return;
  event.preventDefault();
  const pane = event.target.closest("[data-log]");
  const range = mark(pane, { move: event.shiftKey ? -1 : 1 });
  if (range) reveal(pane, range);
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-log-follow]")) return;
  const pane = event.target.closest("[data-log]");
  setFollow(pane, event.target.checked);
  if (event.target.checked) text(pane).scrollTop = text(pane).scrollHeight;
});

// Scrolling up stops following; reaching the end again resumes it. A swap also moves the scroll
// position: until the pane is restored, its own events say nothing about the reader's wish.
let isSwapping = false;
document.addEventListener(
  "scroll",
  (event) => {
    if (isSwapping || !event.target.matches?.("[data-log-text]")) return;
    const node = event.target;
    const pane = node.closest("[data-log]");
    const isAtEnd = node.scrollHeight - node.scrollTop - node.clientHeight < SLACK_PX;
    remembered(pane).top = node.scrollTop;
    setFollow(pane, isAtEnd);
  },
  true,
);

document.addEventListener("htmx:beforeSwap", (event) => {
  isSwapping = event.detail.shouldSwap;
});
document.addEventListener("htmx:afterSettle", () => {
  restoreAll();
  requestAnimationFrame(() => requestAnimationFrame(() => (isSwapping = false)));
});

restoreAll();
