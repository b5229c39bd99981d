// Sends a form's file straight to the store, with progress, cancel and retry. The contract and the
// sentences are in templates/_ui/upload.html; without this script the form posts itself.
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function bytes(count) {
  let value = count;
  let unit = 0;
  for (; value >= 1023.5 && unit < UNITS.length - 1; unit += 1) value /= 1024;
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return `${new Intl.NumberFormat(document.documentElement.lang, format).format(value)} ${UNITS[unit]}`;
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

class Upload {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector('input[type="file"]');
    this.panel = form.querySelector("[data-upload-status]");
    this.bar = this.panel.querySelector("progress");
    this.cancelButton = this.panel.querySelector("[data-upload-cancel]");
    this.retryButton = this.panel.querySelector("[data-upload-retry]");
    this.cancelButton.addEventListener("click", () => this.cancel());
    this.retryButton.addEventListener("click", () => this.start());
    form.addEventListener("submit", (event) => {
      if (!this.input.files.length) return; // the server says what is missing
      event.preventDefault();
      if (!this.isBusy) this.start();
    });
    this.warn = (event) => event.preventDefault();
  }

  say(name, values = {}, { aloud = true } = {}) {
    const text = fill(this.panel.dataset[`text${name}`] ?? name, values);
    this.panel.querySelector("[data-upload-text]").textContent = text;
    if (aloud) this.panel.querySelector("[data-upload-announce]").textContent = text;
  }

  busy(isBusy) {
    this.isBusy = isBusy;
    this.panel.hidden = false;
    this.panel.setAttribute("aria-busy", String(isBusy));
    this.cancelButton.hidden = !isBusy;
    this.retryButton.hidden = isBusy;
    for (const button of this.form.querySelectorAll('[type="submit"]')) button.disabled = isBusy;
    if (isBusy) addEventListener("beforeunload", this.warn);
    else removeEventListener("beforeunload", this.warn);
  }

  fail(name, values) {
    this.busy(false);
    this.say(name, values);
    this.retryButton.focus();
  }

  cancel() {
    this.stop.abort();
    this.request?.abort();
    this.fail("Cancelled");
  }

  async start() {
    const file = this.input.files[0];
    this.stop = new AbortController();
    this.request = null;
    this.bar.value = 0;
    this.panel.querySelector("[data-upload-name]").textContent = file.name;
    if (file.size === 0) return this.fail("Empty");
    this.busy(true);
    this.say("Preparing");
    const ticket = await this.ask(file);
    if (ticket) this.send(file, ticket);
  }

  async ask(file) {
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(this.form)) if (typeof value === "string") fields.append(name, value);
    fields.set("file_name", file.name);
    fields.set("file_size", file.size);
    fields.set("file_type", file.type || "application/octet-stream");
    const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
    const { signal } = this.stop;
    try {
      const headers = { Accept: "application/json", "X-CSRFToken": token };
      const answer = await fetch(this.form.dataset.startUrl, { method: "POST", body: fields, headers, signal });
      const body = await answer.json().catch(() => ({}));
      if (signal.aborted) return null;
      if (answer.ok && body.url) return body;
      this.fail(body.error ?? "Unreachable");
    } catch {
      if (!signal.aborted) this.fail("Unreachable");
    }
    return null;
  }

  send(file, { url, headers = {}, key }) {
    const total = bytes(file.size);
    let sent = 0;
    let announced = 0;
    const request = new XMLHttpRequest();
    this.request = request;
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      sent = event.loaded;
      const quarter = Math.floor((4 * sent) / file.size);
      this.bar.value = sent / file.size;
      this.say("Sending", { sent: bytes(sent), total }, { aloud: quarter > announced });
      announced = Math.max(announced, quarter);
    });
    request.addEventListener("error", () => this.fail("Offline", { sent: bytes(sent), total }));
    request.addEventListener("load", () => {
      if (request.status >= 300) return this.fail("Refused", { status: request.status });
      this.bar.value = 1;
      this.say("Finishing");
      removeEventListener("beforeunload", this.warn);
      this.hand(key);
    });
    request.send(file);
  }

  // The form goes to its own action, with the key of what is stored in the file's place.
  hand(key) {
    const field = this.form.elements.upload_key;
    field.value = key;
    this.input.disabled = true;
    HTMLFormElement.prototype.submit.call(this.form);
    this.input.disabled = false; // whoever comes back to this page begins anew
    field.value = "";
  }
}

const known = new WeakSet();

function start() {
  const isNew = (form) => !known.has(form);
  for (const form of [...document.querySelectorAll("form[data-upload]")].filter(isNew)) {
    known.add(form);
    new Upload(form);
  }
}

start();
document.addEventListener("htmx:load", start);
