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

const MOST_RESTARTS = 5; // in a row, before a person is asked: a store that forgets at once would go on for ever

class Upload {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector('input[type="file"]');
    this.panel = form.querySelector("[data-upload-status]");
    this.bar = this.panel.querySelector("progress");
    this.cancelButton = this.panel.querySelector("[data-upload-cancel]");
    this.anew = this.panel.querySelector("[data-upload-anew]");
    this.retryButton = this.panel.querySelector("[data-upload-retry]");
    this.cancelButton.addEventListener("click", () => this.cancel());
    this.retryButton.addEventListener("click", () => this.start());
    form.addEventListener("submit", (event) => {
      if (!this.input.files.length) return; // the server says what is missing
      event.preventDefault();
      this.pressed = event.submitter;
      if (!this.isBusy) this.start();
    });
    this.warn = (event) => event.preventDefault();
  }

  say(name, values = {}, { aloud = true } = {}) {
    const text = (this.panel.dataset[`text${name}`] ?? name).replace(/\{(\w+)\}/g, (whole, word) => values[word] ?? whole);
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
    (isBusy ? addEventListener : removeEventListener)("beforeunload", this.warn);
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

  headers() {
    const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
    return { Accept: "application/json", "X-CSRFToken": token };
  }

  // restarts: how often the store has forgotten what had arrived since a person began this.
  async start(restarts = 0) {
    const file = this.input.files[0];
    this.restarts = restarts;
    this.anew.hidden = restarts === 0;
    this.stop = new AbortController();
    this.bar.value = 0;
    this.spoken = { name: "Sending", quarter: 0, sent: 0 };
    this.panel.querySelector("[data-upload-name]").textContent = file.name;
    if (file.size === 0) return this.fail("Empty");
    this.busy(true);
    this.say(restarts ? "Anew" : "Preparing");
    const ticket = await this.ask(file);
    if (ticket) await (ticket.parts_url ? this.sendParts(file, ticket) : this.send(file, ticket));
  }

  async ask(file) {
    const fields = new URLSearchParams([...new FormData(this.form)].filter(([, value]) => typeof value === "string"));
    fields.set("file_name", file.name);
    fields.set("file_size", file.size);
    fields.set("file_modified", file.lastModified);
    if (this.form.dataset.partsModule) fields.set("in_parts", "1");
    const { signal } = this.stop;
    try {
      const options = { method: "POST", body: fields, headers: this.headers(), signal };
      const answer = await fetch(this.form.dataset.startUrl, options);
      const body = await answer.json().catch(() => ({}));
      if (signal.aborted) return null;
      if (answer.ok && body.key) return body;
      this.fail(body.error ?? "Unreachable");
    } catch {
      if (!signal.aborted) this.fail("Unreachable");
    }
    return null;
  }

  send(file, { url, headers = {}, key }) {
    let sent = 0;
    const request = new XMLHttpRequest();
    this.request = request;
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      sent = event.loaded;
      this.progress(sent, file.size);
    });
    request.addEventListener("error", () => this.fail("Offline", { sent: bytes(sent), total: bytes(file.size) }));
    request.addEventListener("load", () => {
      if (request.status >= 300) return this.fail("Refused", { status: request.status });
      this.hand(key);
    });
    request.send(file);
  }

  async sendParts(file, ticket) {
    const { sendParts } = await import(this.form.dataset.partsModule);
    const refusal = await sendParts(this, file, ticket);
    if (this.stop.signal.aborted) return;
    if (refusal === "Forgotten" && this.restarts < MOST_RESTARTS) await this.start(this.restarts + 1);
    else if (refusal) this.fail(refusal);
    else this.hand(ticket.key);
  }

  progress(sent, size, name = "Sending") {
    const quarter = Math.floor((4 * sent) / size);
    this.bar.value = sent / size;
    const { spoken } = this;
    const goesOn = spoken.name === "Waiting" && sent > spoken.sent; // nobody is to hear that it waits when it does not
    const aloud = quarter > spoken.quarter || (name === "Waiting" ? name !== spoken.name : goesOn);
    if (aloud) this.spoken = { name, quarter: Math.max(quarter, spoken.quarter), sent };
    this.say(name, { sent: bytes(sent), total: bytes(size) }, { aloud });
  }

  // The form goes to its own action, with the key of what is stored in the file's place.
  hand(key) {
    this.bar.value = 1;
    this.say("Finishing");
    removeEventListener("beforeunload", this.warn);
    const field = this.form.elements.upload_key;
    field.value = key;
    this.input.disabled = true;
    const act = Object.assign(document.createElement("input"), { type: "hidden", name: this.pressed?.name ?? "", value: this.pressed?.value ?? "" });
    this.form.append(act); // says which button was pressed; one without a name sends nothing
    HTMLFormElement.prototype.submit.call(this.form);
    act.remove();
    this.input.disabled = false; // whoever comes back to this page begins anew
    field.value = "";
  }
}

function start() {
  for (const form of document.querySelectorAll("form[data-upload]:not([data-upload-known])")) {
    form.dataset.uploadKnown = "";
    new Upload(form);
  }
}

start();
document.addEventListener("htmx:load", start);
