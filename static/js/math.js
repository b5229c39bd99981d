// Typesets the formulas of organizers' pages with KaTeX. Without it their TeX source stays readable.
const base = new URL("../vendor/katex/", import.meta.url);

function style() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("katex.min.css", base).href;
  document.head.append(link);
}

function typeset(katex, root) {
  for (const node of root.querySelectorAll(".math:not([data-typeset])")) {
    const source = node.textContent;
    const displayMode = node.matches("div, .block");
    node.dataset.typeset = "";
    try {
      katex.render(source, node, { displayMode, throwOnError: false, trust: false, maxExpand: 200, maxSize: 20 });
      if (node.scrollWidth > node.clientWidth) node.tabIndex = 0; // arrow keys then reach its end
    } catch {
      node.textContent = source; // KaTeX throws what is not a parse error, such as too many expansions
    }
  }
}

async function start(root) {
  if (!root.querySelector(".math:not([data-typeset])")) return;
  await import(new URL("katex.min.js", base).href); // a classic script: it defines a global
  if (!document.querySelector('link[href*="katex.min.css"]')) style();
  typeset(globalThis.katex, root);
}

start(document).catch(() => console.info("KaTeX is not installed; formulas are shown as TeX."));
document.addEventListener("htmx:load", (event) => start(event.target).catch(() => {}));
