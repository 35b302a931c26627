// What the visible parts have the browser do. Handles are as the driver's: a function that is told a number; -1 ends it.

// Smaller files are sent anew after a reload.
const LARGE = 10_000_000;

/**
 * Everything by which files come in, to the panel with these parts: `told(0, n)` where a drag is (-1 away, -2 over the
 * page, else over the panel with n files); `told(1, 0, files)` dropped or pasted; `told(2, n)` n files found in folders
 * so far (-1: no more); `told(3, n)` n of them could not be read; `told(4, 0, files)` picked; `told(5)` picked none.
 */
export const doors = (told, parts, button, input) => {
  const [panel] = parts;
  const off = new AbortController();
  const on = (target, names, run) => {
    for (const name of names.split(' ')) target.addEventListener(name, run, { signal: off.signal });
  };
  // What the button may do, dropping may too.
  const files = ({ dataTransfer }) => !parts[button].disabled && dataTransfer?.types.includes('Files') && dataTransfer;
  const mine = (event) => {
    event.preventDefault();
    // The innermost target wins: the page's own drop area must not take them too.
    event.stopPropagation();
  };
  on(parts[input], 'change', ({ target }) => {
    // A list of its own: clearing the input empties the browser's.
    const chosen = [...target.files];
    target.value = '';
    told(4, 0, chosen);
  });
  on(parts[input], 'cancel', () => told(5, 0));
  parts[input].click = () => choose(parts[input], told);
  on(panel, 'dragenter dragover', (event) => {
    const data = files(event);
    if (!data) return;
    mine(event);
    data.dropEffect = 'copy';
    told(0, data.items.length);
  });
  on(panel, 'dragleave', (event) => panel.contains(event.relatedTarget) || told(0, -1));
  on(panel, 'drop', (event) => {
    told(0, -1);
    const data = files(event);
    if (!data) return;
    mine(event);
    take(data);
  });
  on(panel, 'paste', (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length || parts[button].disabled) return;
    event.preventDefault();
    told(1, 0, pasted);
  });
  // Over the page but not over the panel: the panel only says that it is there.
  on(window, 'dragenter', (event) => files(event) && told(0, -2));
  on(window, 'dragleave', (event) => event.relatedTarget || told(0, -1));
  on(window, 'drop dragend blur keydown', () => told(0, -1));

  const take = async ({ files, items }) => {
    const all = [...files];
    // Both lists hold the same things in the same order when only files are dragged. Asking each of ten thousand items
    // for its entry would take longer than all the rest, so only what may be a folder is asked: it has no type.
    const aligned = items.length === all.length;
    const folders = [];
    const plain = all.filter((file, index) => {
      const entry = aligned && !file.type && items[index].webkitGetAsEntry?.();
      return !(entry?.isDirectory && folders.push(entry));
    });
    // By its handle a large file can be gone on with after a reload.
    for (const [index, file] of all.entries()) {
      if (aligned && file.size > LARGE) items[index].getAsFileSystemHandle?.().then((handle) => (file.handle = handle), () => {});
    }
    told(1, 0, plain);
    if (!folders.length) return;
    told(2, 0);
    let found = 0, lost = 0;
    const ask = (of, name) => new Promise((resolve, reject) => of[name](resolve, reject)).catch(() => void (lost += 1));
    for (let folder; (folder = folders.pop()); ) {
      const reader = folder.createReader();
      // Until there are no more: a browser gives at most a hundred at a time.
      for (let entries; (entries = await ask(reader, 'readEntries'))?.length; ) {
        const more = [];
        for (const entry of entries) {
          if (entry.isDirectory) folders.push(entry);
          else {
            const file = await ask(entry, 'file');
            if (file) more.push(file);
          }
        }
        if (off.signal.aborted) return;
        told(1, 0, more);
        told(2, (found += more.length));
      }
    }
    if (off.signal.aborted) return;
    told(2, -1);
    if (lost) told(3, lost);
  };
  return () => off.abort();
};

/**
 * Opens the picker: where there is one, the kind that gives handles. It tells as `doors` does. A browser that is driven by
 * a test can answer only an input's.
 */
const choose = async (input, told) => {
  const { multiple, accept } = input;
  const plain = () => HTMLElement.prototype.click.call(input);
  const kinds = accept.split(',').map((kind) => kind.trim()).filter(Boolean);
  // It takes endings only together with a type.
  if (!globalThis.showOpenFilePicker || navigator.webdriver || input.hasAttribute('data-plain') || /(^|,) *\./.test(accept)) return plain();
  let handles;
  try {
    handles = await showOpenFilePicker({ multiple, ...(accept && { types: [{ accept: Object.fromEntries(kinds.map((kind) => [kind, []])) }] }) });
  } catch ({ name }) {
    return name === 'AbortError' ? told(5, 0) : plain();
  }
  while (handles.length) {
    const files = handles.splice(0, 64).map(async (handle) => Object.assign(await handle.getFile(), { handle }));
    told(4, 0, (await Promise.allSettled(files)).flatMap(({ value }) => value ?? []));
  }
};

/** Which rows can be seen: `told(count, first)` after scrolling, resizing, showing, and `handle(height of a row)`; once a frame. */
export const sight = (told, parts, scroller, list) => {
  let height, asked;
  const off = new AbortController();
  const measure = () => {
    asked = 0;
    // Whoever scrolls: this list, or the page around a list without a height of its own.
    const frame = parts[scroller].getBoundingClientRect();
    const whole = parts[list].getBoundingClientRect().top;
    const top = Math.max(Math.max(frame.top, 0) - whole, 0);
    const bottom = Math.max(Math.min(frame.bottom, innerHeight) - whole, top);
    const first = Math.floor(top / height);
    told(Math.floor(bottom / height) + 1 - first, first);
  };
  const ask = () => (asked ||= requestAnimationFrame(measure));
  for (const [target, name] of [[parts[scroller], 'scroll'], [window, 'resize'], [window, 'scroll']]) {
    target.addEventListener(name, ask, { signal: off.signal });
  }
  // Taken out of the page and put back, hidden and shown again.
  const sized = new ResizeObserver(ask);
  sized.observe(parts[scroller]);
  return (rows) => {
    if (rows < 0) {
      cancelAnimationFrame(asked);
      sized.disconnect();
      off.abort();
    } else {
      height = rows;
      ask();
    }
  };
};

/** Gives the focus to the row with this key; it may not be in the page before what was set off in this task has run. */
export const reach = async (parts, list, key) => {
  for (let turn = 0; turn < 3; turn += 1) await undefined;
  parts[list].querySelector(`[data-key="${key}"]`)?.focus();
};

/**
 * Thumbnails: decoded small, one at a time, only for rows in view, and a bounded number kept. A picture becomes a bitmap
 * of the row's height and nothing else stays: no object URL to revoke, no full-size decode held by an `img`, nothing that
 * a page's policy on images must allow.
 */
export const thumb = async (files, key, parts, part) => {
  const made = (files.made ??= new Map());
  if (made.has(key)) {
    parts[part].replaceChildren(made.get(key));
    return;
  }
  const waiting = (files.waiting ??= []);
  waiting.push([key, parts, part]);
  if (waiting.busy) return;
  waiting.busy = true;
  // A row is built before it is in the page.
  await undefined;
  for (let next; (next = waiting.shift()); ) {
    const [key, parts, part] = next;
    // Scrolled past before its turn: not worth decoding.
    if (!parts.told || !files[key]) continue;
    try {
      // 44 CSS pixels on a sharp screen.
      const bitmap = await createImageBitmap(files[key], { resizeHeight: 88, resizeQuality: 'medium' });
      const canvas = document.createElement('canvas');
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      canvas.getContext('bitmaprenderer').transferFromImageBitmap(bitmap);
      parts[part].replaceChildren(canvas);
      made.set(key, canvas);
      // Some 5 MB.
      if (made.size > 128) made.delete(made.keys().next().value);
    } catch {
      // The browser cannot show it: the icon stays.
    }
  }
  waiting.busy = false;
};

/** The row is gone. */
export const forget = (files, key) => files.made?.delete(key);
