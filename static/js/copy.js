// Copies a text of the page to the clipboard; where that is refused, it selects the text. See _ui/copy.html.
function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const said = button.parentElement.querySelector('[role="status"]');
  try {
    await navigator.clipboard.writeText(source.textContent);
    said.textContent = button.dataset.copied;
  } catch {
    // Without https there is no clipboard, and people may refuse it.
    select(source);
    said.textContent = button.dataset.selected;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) void copy(button);
});
