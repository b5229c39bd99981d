// The light/dark switch. Without it, or with storage refused, the page follows the system.
const KEY = "plumbline.theme";
const root = document.documentElement;

function stored() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

function apply(theme) {
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  else delete root.dataset.theme;
}

function show() {
  for (const control of document.querySelectorAll("[data-theme-switch]")) {
    control.value = root.dataset.theme ?? "";
  }
}

apply(stored());
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", show);
else show();

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-theme-switch]")) return;
  apply(event.target.value);
  try {
    localStorage.setItem(KEY, event.target.value);
  } catch {
    // The choice then lasts for this page only.
  }
});

addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  apply(event.newValue ?? "");
  show();
});
