// The one poller of a page: asks the address that the server named last, when the server said.
// An answer carries only what changed, as pieces that htmx puts where they belong.
const HIDDEN_MS = 5000;
const MAX_FAILURE_MS = 15000;
const node = document.querySelector("[data-live]");
let next = node?.dataset.live ?? "";
let timer = 0;
let isAsking = false;
let failures = 0;

function ask() {
  isAsking = true;
  htmx.ajax("GET", next, { source: node, target: node, swap: "none" });
}

function plan(ms) {
  clearTimeout(timer);
  timer = setTimeout(ask, document.hidden ? Math.max(ms, HIDDEN_MS) : ms);
}

function heard(xhr) {
  isAsking = false;
  if (xhr.status >= 200 && xhr.status < 300) {
    failures = 0;
    next = xhr.getResponseHeader("Live-Next") ?? "";
    if (next) plan(Number(xhr.getResponseHeader("Live-Wait")));
  } else if (xhr.status === 0 || xhr.status >= 500) {
    failures += 1;
    plan(Math.min(MAX_FAILURE_MS, 1000 * 2 ** failures));
  }
}

// A graph that is replaced keeps its table open.
const openTables = new Set();
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (target.isConnected && target.closest(".charts")) openTables[target.open ? "add" : "delete"](target.id);
  },
  true,
);
document.addEventListener("htmx:afterSettle", () => {
  for (const id of openTables) document.getElementById(id)?.setAttribute("open", "");
});

if (next) {
  node.addEventListener("htmx:afterRequest", (event) => heard(event.detail.xhr));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && next && !isAsking && !failures) plan(0);
  });
  plan(Number(node.dataset.wait));
}
