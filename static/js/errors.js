// Says so when an htmx request fails without words of its own: no network, or a proxy's error page.
// Errors of the application bring their own toast (see the htmx-config of base.html).
const place = document.getElementById("toasts");
const stock = document.getElementById("stock-toast");

function toast(kind, path) {
  if (place.querySelector(`[data-stock="${kind}"]`)) return; // a poller must not pile them up
  const node = stock.content.firstElementChild.cloneNode(true);
  Object.assign(node.dataset, { stock: kind, path });
  node.querySelector("p").textContent = kind === "offline" ? stock.dataset.textOffline : stock.dataset.textProxy;
  place.append(node);
}

function hasOwnToast(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector(".toast") !== null;
}

document.addEventListener("htmx:sendError", (event) => toast("offline", event.detail.requestConfig.path));
document.addEventListener("htmx:timeout", (event) => toast("offline", event.detail.requestConfig.path));
document.addEventListener("htmx:responseError", (event) => {
  const text = event.detail.xhr.responseText ?? "";
  if (!hasOwnToast(text)) toast("proxy", event.detail.requestConfig.path);
});

// An answer proves the network; only an answer from the same address proves that it works again.
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return;
  for (const old of place.querySelectorAll("[data-stock]")) {
    if (old.dataset.stock === "offline" || old.dataset.path === event.detail.requestConfig.path) old.remove();
  }
});
