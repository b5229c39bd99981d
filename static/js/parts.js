// Sends a large file in parts. The server knows which parts have arrived, so nothing is remembered here: after a broken
// connection, a reload or a closed laptop the same file goes on where it stopped. Loaded by static/js/upload.js.
const LANES = 2; // in order and few at once: some stores write parts down one after the other
const LONGEST_WAIT_S = 30;
const PATIENCE = 6; // refusals in a row, without a byte more, before a person is asked

function pause(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    addEventListener("online", resolve, { once: true, signal });
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

// Resolves to the status, 0 when the connection broke or the person cancelled.
function put(url, blob, signal, progress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open("PUT", url);
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("loadend", () => {
      signal.removeEventListener("abort", abort);
      resolve(request.status);
    });
    signal.addEventListener("abort", abort, { once: true });
    request.send(blob);
  });
}

async function ask(url, headers, signal) {
  try {
    const answer = await fetch(url, { method: "POST", headers, signal });
    const body = await answer.json().catch(() => ({}));
    if (answer.ok && body.urls) return { batch: body };
    if (body.is_forgotten) return { refusal: "Forgotten" };
    const isFinal = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
    return { refusal: isFinal ? (body.error ?? "Unreachable") : "" };
  } catch {
    return { refusal: "" };
  }
}

// Sends one batch in order, a few parts at once; returns how many bytes of the file the store has now, and the status of
// what failed, null when nothing did.
async function sendBatch(file, { part_bytes: size, arrived, urls }, signal, progress) {
  const waiting = [...urls];
  const underway = new Map();
  let done = arrived;
  let failed = null;
  const tell = () => progress(done + [...underway.values()].reduce((sum, sent) => sum + sent, 0));
  async function lane() {
    while (waiting.length && failed === null && !signal.aborted) {
      const { number, url } = waiting.shift();
      const blob = file.slice((number - 1) * size, number * size);
      const status = await put(url, blob, signal, (sent) => { underway.set(number, sent); tell(); });
      underway.delete(number);
      if (status >= 200 && status < 300) done += blob.size;
      else failed ??= status;
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane));
  return { done, failed };
}

// Returns what to tell the person, empty when all parts have arrived (or the person cancelled), and "Forgotten" when the
// upload must begin anew.
export async function sendParts(upload, file, { parts_url: url, cancel_url: cancelUrl }) {
  const { signal } = upload.stop;
  const forget = () => fetch(cancelUrl, { method: "POST", headers: upload.headers() });
  signal.addEventListener("abort", () => forget().catch(() => {})); // only a person aborts: a lost page just ends
  const progress = (sent) => upload.progress(sent, file.size);
  let arrived = 0;
  let refusals = 0;
  let seconds = 1;
  while (!signal.aborted) {
    const { batch, refusal } = await ask(url, upload.headers(), signal);
    if (refusal) return refusal;
    if (batch) {
      if (!batch.urls.length) return "";
      progress(batch.arrived);
      const { done, failed } = await sendBatch(file, batch, signal, progress);
      if (done > arrived) [refusals, seconds] = [0, 1];
      arrived = done;
      if (failed === null) continue;
      refusals += failed > 0 ? 1 : 0;
      if (refusals >= PATIENCE) return "Unreachable";
    }
    if (signal.aborted) break;
    upload.progress(arrived, file.size, "Waiting");
    await pause(seconds, signal);
    seconds = Math.min(2 * seconds, LONGEST_WAIT_S);
  }
  return "";
}
