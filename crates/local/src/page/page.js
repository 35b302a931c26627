// Shows what the stand-in tells, as it changes. Texts of others are only ever set as text.

const EVERY_MS = 2000;
const THUMBNAIL = "/-/scale_crop/88x88/center/";
const byId = (id) => document.getElementById(id);

/** An element with classes, a text or children. */
function make(tag, className, content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (Array.isArray(content)) element.append(...content.filter(Boolean));
  else if (content !== undefined && content !== null) element.textContent = String(content);
  return element;
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let unit = -1;
  do { bytes /= 1000; unit += 1; } while (bytes >= 999.5 && unit < units.length - 1);
  return `${bytes < 9.95 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

function time(at) {
  const element = make("time", "", new Date(at).toLocaleTimeString([], { hour12: false }));
  element.dateTime = at;
  element.title = new Date(at).toLocaleString();
  return element;
}

function thumbnail(file) {
  const box = make("span", "thumb");
  box.setAttribute("aria-hidden", "true");
  const ending = /\.([a-z0-9]{1,4})$/i.exec(file.original_filename)?.[1] ?? "file";
  if (!file.is_image && file.mime_type !== "image/svg+xml") {
    box.textContent = ending;
    return box;
  }
  const image = make("img");
  image.alt = "";
  image.loading = "lazy";
  image.addEventListener("error", () => { box.replaceChildren(ending); }, { once: true });
  image.src = `/${file.uuid}${THUMBNAIL}`;
  box.append(image);
  return box;
}

function fileRow(file) {
  const link = make("a", "", file.original_filename);
  link.href = `/${file.uuid}/`;
  link.target = "_blank";
  link.rel = "noreferrer";
  link.title = file.original_filename;
  const [word, tone] = !file.is_ready ? ["Processing", "warn"] : file.is_stored ? ["Stored", "good"] : ["Temporary", ""];
  const facts = make("p", "facts", `${size(file.size)} · ${file.mime_type} · `);
  facts.append(time(file.datetime_uploaded));
  return make("li", "", [
    thumbnail(file),
    make("div", "what", [make("p", "name", [link]), facts]),
    make("span", `word ${tone}`, word),
  ]);
}

function jobRow(job) {
  const tone = { finished: "good", failed: "bad" }[job.state] ?? "warn";
  return make("li", "", [
    time(job.created),
    make("span", tone, job.state),
    make("span", "", job.kind),
    make("span", "aside", job.token ?? ""),
    job.trouble && make("span", "note", job.trouble),
  ]);
}

function webhookRows(hook) {
  const head = make("li", "", [
    make("span", "aside", `#${hook.id}`),
    make("span", hook.is_active ? "good" : "", hook.is_active ? "active" : "off"),
    make("span", "", `${hook.event} → ${hook.target_url}`),
    make("span", "aside", hook.is_signed ? "signed" : ""),
  ]);
  const tones = { delivered: "good", failed: "bad", pending: "warn" };
  return [head, ...hook.deliveries.slice(0, 8).map((delivery) => make("li", "", [
    time(delivery.last_attempt ?? delivery.created),
    make("span", tones[delivery.state] ?? "", delivery.state),
    make("span", "aside", delivery.file),
    make("span", "aside", delivery.status ?? ""),
    delivery.trouble && make("span", "note", delivery.trouble),
  ]))];
}

function requestRow(request) {
  const { status } = request;
  const tone = status === null ? "warn" : status >= 500 ? "bad" : status >= 400 ? "warn" : "good";
  const path = make("span", "", request.path + (request.query ? `?${request.query}` : ""));
  path.title = path.textContent;
  const facts = [request.received > 0 && size(request.received), request.duration_ms !== null && `${request.duration_ms} ms`];
  return make("li", "", [
    time(request.at),
    make("span", tone, `${status ?? (request.aborted ? "cut" : "…")} ${request.method}`),
    path,
    make("span", "aside", facts.filter(Boolean).join(" · ")),
    request.fault && make("span", "note", `fault: ${request.fault}`),
  ]);
}

/** The last requests, newest first, without this page's own. */
function arrived(requests) {
  return requests.filter((request) => !request.path.endsWith(THUMBNAIL)).slice(-200).reverse();
}

const lists = [
  { name: "files", url: "files?limit=100", rows: (files) => files.map(fileRow) },
  { name: "jobs", url: "jobs?limit=50", rows: (jobs) => jobs.map(jobRow) },
  { name: "webhooks", url: "webhooks?limit=8", rows: (hooks) => hooks.flatMap(webhookRows) },
  { name: "requests", url: "requests", rows: (requests) => requests.map(requestRow), pick: arrived },
];
const shown = new Map();

async function show(list) {
  const answer = await fetch(list.url, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${list.url} answered ${answer.status}`);
  const text = await answer.text();
  // What did not change stays as it is: scroll positions, selections, loaded images.
  if (shown.get(list.name) === text) return;
  shown.set(list.name, text);
  const found = list.pick ? list.pick(JSON.parse(text)) : JSON.parse(text);
  byId(list.name).replaceChildren(...list.rows(found));
  byId(`${list.name}-count`).textContent = found.length > 0 ? String(found.length) : "";
  byId(`${list.name}-empty`).hidden = found.length > 0;
}

const state = byId("state");

async function refresh() {
  const results = await Promise.allSettled(lists.map(show));
  const failed = results.find((result) => result.status === "rejected");
  const text = failed ? "No answer. Is it still running?" : "";
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("trouble", Boolean(failed));
}

async function run() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((resolve) => { setTimeout(resolve, EVERY_MS); });
  }
}

byId("address").textContent = location.origin;
byId("upload-address").textContent = `${location.origin}/base/`;
const dialog = byId("confirm");
byId("reset").addEventListener("click", () => {
  dialog.returnValue = "";
  dialog.showModal();
});
dialog.addEventListener("close", async () => {
  if (dialog.returnValue !== "reset") return;
  await fetch("reset", { method: "POST" }).catch(() => undefined);
  await refresh();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
run();
