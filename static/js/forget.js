// htmx notes the address of the page in session storage. Nothing of a visit may stay in a browser.
function forget() {
  try {
    sessionStorage.removeItem("htmx-current-path-for-history");
  } catch {
    // Storage is refused here, so htmx has noted nothing.
  }
}

forget();
for (const name of ["htmx:pushedIntoHistory", "htmx:replacedInHistory", "htmx:historyRestore"]) {
  document.addEventListener(name, forget);
}
