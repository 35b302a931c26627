// The journal: for each upload a list of texts, in IndexedDB. The engine writes and reads the texts; here they are only
// kept, with the file's handle where the browser gave one. Each upload has a lock, held by whoever is at it, so that two
// tabs never go on with the same one; a tab that dies lets go. Whatever fails here, the upload goes on without.

const DAY = 86_400_000;
/** Bytes at a file's start and end that tell it from others. */
const EDGE = 65_536;

let opened;
const open = () => (opened ??= new Promise((resolve, reject) => {
  const request = indexedDB.open('updock', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('log');
  request.onsuccess = () => resolve(request.result);
  request.onerror = request.onblocked = reject;
}));

/** One transaction; they run in the order in which they were made. */
const change = async (run) => {
  const database = await open();
  // A newer page wants to change the database.
  database.onversionchange = () => database.close();
  return new Promise((resolve, reject) => {
    // To keep it through a power cut would cost a wait for the disk each time; what is lost costs a part.
    const change = database.transaction('log', 'readwrite', { durability: 'relaxed' });
    const request = run(change.objectStore('log'));
    change.oncomplete = () => resolve(request?.result);
    change.onabort = reject;
  });
};

let writes = [], written;
/**
 * Writes when this task has ended, in one transaction with whatever else it writes: a transaction costs the page half a
 * millisecond. No later: a part that is done should not be sent again, and timers of a hidden page are slow.
 */
const put = (run) => {
  writes.push(run);
  return (written ??= Promise.resolve().then(() => {
    const all = writes;
    writes = [];
    written = undefined;
    return change((log) => all.forEach((run) => run(log)));
  }));
};

// A record's key: the widget's place, when its upload began, the upload, the record's number.
const list = (...of) => IDBKeyRange.bound(of, [...of, []]);

const hash = async (file) => {
  const edges = new Blob([file.slice(0, EDGE), file.slice(Math.max(EDGE, file.size - EDGE))]);
  const digest = await crypto.subtle.digest('SHA-256', await edges.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
};

/** Was there ever a journal? Else none need be made to look into it. A mark elsewhere may be lost with the browser. */
const exists = async () =>
  !indexedDB.databases || (await indexedDB.databases()).some(({ name }) => name === 'updock');

/**
 * The journal of a widget, `scope` being its place in the site; empty for none.
 *
 * `told(0, age, text)`: an upload was found, begun `age` milliseconds ago; the text is its name, 1 with a handle or 0
 * without, and its records, between NULs. `told(1)`: that were all. `told(2, 0, upload)`: it cannot be written any more.
 * `told(3, row)`: the handle is open, the file in its place; `told(4, row)`: it cannot be opened. `told(5, key, digest)`:
 * a fingerprint, or none.
 *
 * `handle([what, key, upload, record])`, what: 0 a new list for the file `key`, 1 one more record, 2 the list is of no use
 * any more, 3 it is somebody else's, 4 open the handle for the row `key`, 5 take a fingerprint.
 */
export const journal = (told, files, scope) => {
  // The uploads that this widget is at: where their records are, how many, the file's handle; `free` lets go.
  const mine = new Map();
  const off = new AbortController();
  let opening = Promise.resolve();
  const { locks } = navigator;
  const works = scope && locks && crypto.subtle;
  scope = location.pathname + scope;

  /** Waits for the upload's lock; gives whether it has come. */
  const take = (upload, entry) => new Promise((resolve, reject) => {
    locks.request(`updock:upload:${upload}`, { signal: off.signal }, () => off.signal.aborted || new Promise((free) => {
      entry.free = free;
      mine.set(upload, entry);
      resolve();
    })).catch(reject);
  });
  const leave = (upload) => {
    mine.get(upload)?.free?.();
    mine.delete(upload);
  };
  const end = async (upload) => {
    const entry = mine.get(upload);
    try {
      await entry?.ready;
      if (entry) await put((log) => log.delete(list(...entry.at)));
    } catch {}
    leave(upload);
  };

  const find = async () => {
    if (!(await exists())) return;
    const keys = await change((log) => log.getAllKeys());
    const waits = [];
    const firsts = keys.filter((key) => !key[3]);
    for (const [...at] of firsts.map((key) => key.slice(0, 3))) {
      const [place, begun, upload] = at;
      const age = Math.max(0, Date.now() - begun);
      if (age > DAY) change((log) => log.delete(list(...at))).catch(() => {});
      else if (place === scope) waits.push(look(upload, { at }, age));
    }
    // One that another tab is at comes later, when that tab leaves it. A page that is just being left lets go soon, but
    // on a busy machine not at once; a file chosen anew meanwhile would not find its upload.
    await Promise.race([Promise.all(waits), new Promise((resolve) => setTimeout(resolve, 1000))]);
  };
  const look = async (upload, entry, age) => {
    if (mine.has(upload)) return;
    await take(upload, entry);
    const [first, ...rest] = await change((log) => log.getAll(list(...entry.at)));
    if (!first) return leave(upload);
    entry.count = rest.length + 1;
    entry.handle = first.handle;
    told?.(0, age, [upload, first.handle ? 1 : 0, first.record, ...rest].join('\0'));
  };

  const write = async (upload, record) => {
    const entry = mine.get(upload);
    if (!entry) return;
    const { count } = entry;
    entry.count += 1;
    try {
      await entry.ready;
      await put((log) => log.put(record, [...entry.at, count]));
    } catch {
      // A list with a gap would be taken for a whole one.
      if (mine.get(upload) !== entry) return;
      told?.(2, 0, upload);
      end(upload);
    }
  };
  const begin = (upload, record, handle) => {
    const entry = { at: [scope, Date.now(), upload], count: 0, handle };
    mine.set(upload, entry);
    // Records may follow before the lock is there.
    entry.ready = take(upload, entry);
    write(upload, { record, handle });
  };

  (works ? find() : Promise.resolve()).catch(() => {}).then(() => told?.(1, 0));

  return (what, [task, key, upload, record] = []) => {
    if (what < 0) {
      told = undefined;
      off.abort();
      for (const upload of [...mine.keys()]) leave(upload);
    } else if (task < 1) begin(upload, record, files[key]?.handle);
    else if (task < 2) write(upload, record);
    else if (task < 3) end(upload);
    else if (task < 4) leave(upload);
    else if (task < 5) {
      const { handle } = mine.get(upload) ?? {};
      // One after another: each may ask a person.
      opening = opening
        .then(() => handle.requestPermission?.({ mode: 'read' }))
        .then(() => handle.getFile())
        .then((file) => {
          file.handle = handle;
          files[key] = file;
          told?.(3, key);
        })
        .catch(() => told?.(4, key));
    } else {
      (works && files[key] ? hash(files[key]) : Promise.resolve()).catch(() => {}).then((digest) => told?.(5, key, digest));
    }
  };
};
