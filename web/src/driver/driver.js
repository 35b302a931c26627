// What the driver has the browser do. Each function that takes `told`, a function of Rust's, gives a handle: a function
// that is told a number; -1 ends it, and then `told` is never called again.

let slept = 0, gap;
/** Milliseconds since the page began. Goes on while the machine sleeps, when the browser's own clock may stand still. */
export const now = () => {
  const at = performance.now(), between = Date.now() - at;
  // Less is a clock that is being set right.
  if (between - gap > 10_000) slept += between - gap;
  gap = between;
  return at + slept;
};
/** Does the person want to save data? */
export const saves = () => !!navigator.connection?.saveData;
export const online = () => navigator.onLine;
/** Any bits; not for secrets. */
export const chance = () => Math.random() * 9e15;

/**
 * One timer: `handle(at)` sets it anew, in milliseconds of `now`. It may ring early: every four seconds at least, so that
 * a machine that has slept is noticed, for the browser's timers may sleep with it.
 */
export const timer = (told) => {
  let id, due;
  const ring = () => {
    due = undefined;
    told(0, 0);
  };
  return (at) => {
    if (at === due) return;
    clearTimeout(id);
    due = at;
    if (at >= 0) id = setTimeout(ring, Math.min(Math.ceil(at - now()), 4000));
  };
};

/**
 * The next moment to paint: `handle(1)` asks for one, however often; `handle(2)` for one within a quarter of a second, for
 * what may be painted together with more of its kind. While the page is hidden no frames come: a timer.
 */
export const frame = (told) => {
  let cancel, asked = 0;
  const begin = () => {
    cancel = undefined;
    asked = 0;
    told(0, 0);
  };
  const next = () => {
    const id = document.hidden ? setTimeout(begin, 500) : requestAnimationFrame(begin);
    cancel = document.hidden ? () => clearTimeout(id) : () => cancelAnimationFrame(id);
  };
  return (what) => {
    // 3: the page was hidden or shown, so what was asked for may never come.
    if (what > 2 ? !asked : asked && what >= asked) return;
    cancel?.();
    cancel = undefined;
    asked = what > 2 ? 1 : what;
    if (what < 0) return;
    if (what !== 2 || document.hidden) return next();
    const id = setTimeout(next, 230);
    cancel = () => clearTimeout(id);
  };
};

/** The page's news: `told(0)` offline, `told(1)` online, `told(2)` hidden or shown. */
export const news = (told) => {
  const off = new AbortController();
  const on = (target, event, code) => target.addEventListener(event, () => told(code, 0), { signal: off.signal });
  on(window, 'offline', 0);
  on(window, 'online', 1);
  on(document, 'visibilitychange', 2);
  return () => off.abort();
};

/**
 * Takes files in by and by, so that the page never stands still: `told(0, 0, files)` for each few. They wait until
 * `handle(1)`; `handle(2, files)` adds some, `handle(3)` gives how many wait, `handle(0)` forgets them. No file is left out.
 */
export const intake = (told) => {
  let waiting = [], begun = false, timer;
  const work = () => {
    const start = performance.now();
    timer = undefined;
    // A person notices from 50 ms on.
    while (waiting.length && begun) {
      if (performance.now() - start >= 12) {
        timer = setTimeout(work);
        break;
      }
      told(0, 0, waiting.splice(0, 64));
    }
  };
  return (what, files) => {
    if (what < 1) {
      waiting = [];
      if (what) begun = false;
    }
    if (what === 1) begun = true;
    if (what === 2) waiting = waiting.concat([...files].filter((file) => file instanceof Blob));
    if ((what === 1 || what === 2) && !timer) work();
    return waiting.length;
  };
};

// The files that were taken in, by their keys. Their bytes are never read here.

export const keep = (files, more) => files.push(...more);
export const text_of = (files, key, name) => files[key]?.[name] ?? '';
export const number_of = (files, key, name) => files[key]?.[name] ?? 0;
/** What came as `file` belongs to `row`. */
export const adopt = (files, file, row) => {
  files[row] = files[file];
  files[file] = undefined;
};
/** Nobody needs the bytes again; but a picture stays for its thumbnail, unless its row is gone. */
export const release = (files, key, gone) => {
  if (gone || !files[key]?.type.startsWith('image/')) files[key] = undefined;
};

// Requests: a description that Rust fills in, then `send`.

export const request = (method, url, bearer) => ({
  method, url, headers: bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` },
});
export const field = (request, name, text) => (request.body ??= new FormData()).append(name, text);
export const json = (request, text) => {
  request.headers['Content-Type'] = 'application/json';
  request.body = text;
};
/** A whole file in a form. */
export const file = (request, name, files, key, fileName, type) => {
  const file = files[key];
  (request.files ??= []).push(file);
  if (file) (request.body ??= new FormData()).append(name, file.type === type ? file : file.slice(0, file.size, type), fileName);
};
/** A slice, handed to the browser's network stack as it is; untyped, so that the browser sends no type of its own. */
export const bytes = (request, files, key, start, end, type) => {
  request.headers['Content-Type'] = type;
  request.files = [files[key]];
  request.body = files[key]?.slice(start, end);
};

/** Can the file still be read? Its last byte tells: a browser refuses what was moved, deleted, changed or cut short. */
export const readable = async (file) => {
  try {
    return !file.size || (await file.slice(file.size - 1).arrayBuffer()).byteLength === 1;
  } catch {
    return false;
  }
};

/**
 * Sends it: `told(0, bytes)` as bytes leave, `told(1, status, [body, retryAfter])` once. Status 0: no answer; -1: the
 * file cannot be read. Bytes of files go by XHR, the only way that reports progress in every browser; the rest by fetch.
 */
export const send = (request, told, hears) => {
  let live = true, stop = () => {};
  const end = (status, answer) => {
    // It is over: there is nothing left to stop.
    stop = () => {};
    if (live) told(1, status, answer);
  };
  const answered = (status, text, header) => {
    let body = text ? null : undefined;
    try {
      body = JSON.parse(text);
    } catch {}
    // Pages of other origins may only read this header where the server exposes it, and asking in vain is noted in the
    // console; so only where it matters. With `jsonerrors=1` that status stands in the body of a 200.
    let wait = [429, 503].includes(body?.error?.status_code ?? status) ? header('retry-after') : undefined;
    // A date counts from the server's clock where the page may know it, or else from this machine's.
    if (isNaN(wait ?? 0)) wait = `${Math.max(0, Math.ceil((Date.parse(wait) - (Date.parse(header('date')) || Date.now())) / 1000))}`;
    end(status, [body, wait ?? undefined]);
  };
  const { method, url, headers, body, files } = request;
  if (files?.includes(undefined)) queueMicrotask(() => end(-1));
  else if (files) {
    const xhr = new XMLHttpRequest();
    try {
      xhr.open(method, url);
      for (const name in headers) xhr.setRequestHeader(name, headers[name]);
      // To listen makes the browser ask another origin's leave first, with a request of its own.
      let heard = 0;
      if (hears) xhr.upload.onprogress = ({ loaded, total, timeStamp }) => {
        // It is shown four times a second; more would only cost.
        if (loaded < total && timeStamp - heard < 100) return;
        told(0, loaded, (heard = timeStamp));
      };
      // Without a status the network failed, or the file could not be read. The browser tells both alike: ask the file.
      xhr.onloadend = async () => {
        if (xhr.status) answered(xhr.status, xhr.responseText, (name) => xhr.getResponseHeader(name));
        else end((await Promise.all(files.map(readable))).every(Boolean) - 1);
      };
      xhr.send(body);
    } catch {
      queueMicrotask(() => end(0));
    }
    stop = () => {
      xhr.upload.onprogress = xhr.onloadend = null;
      xhr.abort();
    };
  } else {
    const control = new AbortController();
    stop = () => control.abort();
    fetch(url, { method, headers, body, signal: control.signal })
      // A body that breaks off is no answer; one that is no JSON is.
      .then(async (answer) => answered(answer.status, await answer.text(), (name) => answer.headers.get(name)))
      .catch(() => end(0));
  }
  return () => {
    live = false;
    stop();
  };
};

/** Asks the page's own function for a credential, and waits if it returns a promise. Tells as `send` does. */
export const ask = (told, give, operations) => {
  const control = new AbortController();
  let live = true;
  const end = (status, answer) => live && told(1, status, answer);
  new Promise((resolve) => resolve(give({ operations, signal: control.signal })))
    .then((given) => end(200, [given]), () => end(0));
  return () => {
    live = false;
    control.abort();
  };
};

/** Tells a handle a number. */
export const tell = (handle, number, value) => handle(number, value) ?? 0;

// JSON, or any object of the page, read by path. A value of another type is absent.

const at = (value, path) => path.split('.').reduce((value, key) => value?.[key], value);
export const parse = (text) => {
  try {
    return JSON.parse(text);
  } catch {}
};
export const text = (value, path) => {
  value = at(value, path);
  return typeof value === 'string' ? value : undefined;
};
/** NaN where there is none. */
export const number = (value, path) => {
  value = at(value, path);
  return typeof value === 'number' ? value : NaN;
};
/** 0, 1, or 2 where there is none. */
export const flag = (value, path) => {
  value = at(value, path);
  return typeof value === 'boolean' ? +value : 2;
};
/** A line each. */
export const texts = (value, path) => {
  value = at(value, path);
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && !item.includes('\n')) ? value.join('\n') : undefined;
};
