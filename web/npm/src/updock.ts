// The element <up-dock>: a small shell around the widget, which is Rust in wasm.
//
// The shell paints a working button at once and loads the rest on intent (hover, focus, drag, tap) or when the browser
// is idle. Files chosen before that wait here and are handed over. It is also what only JavaScript can be: the custom
// element class, its attributes, its place in a form, its events. It decides nothing about uploads.
import css from './updock.css';
import type { DockElement } from './wasm';

/** Where a file is. */
export type FileState =
  | 'reading' | 'checking' | 'rejected' | 'ready' | 'queued' | 'uploading' | 'paused' | 'waiting' | 'retrying'
  | 'processing' | 'done' | 'failed' | 'needs-file' | 'removed';

/** A file as it was when this was made; frozen. */
export interface UpDockFile {
  readonly id: number;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Media type; empty when unknown. */
  readonly type: string;
  /** Bytes sent. */
  readonly sent: number;
  /** 0 to 100. */
  readonly progress: number;
  readonly state: FileState;
  readonly uuid?: string;
  readonly cdnUrl?: string;
  /** Is it kept beyond 24 hours? */
  readonly stored?: boolean;
  /** Has the signer confirmed it? */
  readonly confirmed?: boolean;
  /** The signer's receipt, for your server to verify. */
  readonly receipt?: string;
  readonly error?: UpDockError;
}

/** Why a file was refused or has failed. */
export interface UpDockError {
  readonly code: string;
  /** What a person reads. */
  readonly message: string;
  readonly remedy?: 'retry' | 'replace' | 'tell-owner';
  /** What the server said. */
  readonly detail?: string;
}

/** Sums over the list; frozen. */
export interface UpDockState {
  readonly status: 'idle' | 'uploading' | 'paused' | 'failed' | 'done';
  readonly files: number;
  readonly done: number;
  readonly failed: number;
  readonly rejected: number;
  readonly paused: number;
  readonly active: number;
  /** Uploads from before whose files must be opened or chosen again. */
  readonly needsFile: number;
  readonly bytes: number;
  readonly sent: number;
}

/** Gives an upload credential, as the signer's `POST /v1/upload-credentials` answers. */
export type Credentials = (request: { operations: number; signal: AbortSignal }) => unknown;

/** Events; all bubble and cross shadow roots. */
export interface UpDockEventMap {
  'file-added': CustomEvent<UpDockFile>;
  'file-upload-start': CustomEvent<UpDockFile>;
  'file-upload-progress': CustomEvent<UpDockFile>;
  'file-upload-success': CustomEvent<UpDockFile>;
  'file-upload-failed': CustomEvent<UpDockFile>;
  'file-removed': CustomEvent<UpDockFile>;
  'change': CustomEvent<UpDockState>;
  'upload-done': CustomEvent<UpDockState>;
}

const TEXTS = [
  'public-key', 'credentials-url', 'signer-url', 'upload-base-url', 'cdn-base-url', 'accept', 'max-file-size',
  'max-files', 'store', 'confirm', 'density', 'resume',
];
const NOTHING: UpDockState = Object.freeze({
  status: 'idle', files: 0, done: 0, failed: 0, rejected: 0, paused: 0, active: 0, needsFile: 0, bytes: 0, sent: 0,
});

type Module = typeof import('./wasm');
let loading: Promise<Module> | undefined;

/** One module for all elements of the page. A failed load is tried again on the next intent. */
const load = (): Promise<Module> =>
  (loading ??= import(/* @vite-ignore */ new URL('./widget.js', import.meta.url).href)
    .then(async (module: Module) => {
      await module.default();
      return module;
    })
    .catch((error: unknown) => {
      loading = undefined;
      throw error;
    }));

/** How long uploads go on in an element that was taken out of the page. */
const LINGER = 10_000;

const open = async (file: File | FileSystemFileHandle): Promise<File> =>
  'getFile' in file ? Object.assign(await file.getFile(), { handle: file }) : file;

/** A press that has begun on the first button must end on it: else its click is lost with the button. */
const released = async (element: Element): Promise<void> => {
  while (element.matches(':active')) await new Promise(requestAnimationFrame);
};

let sheet: CSSStyleSheet | undefined;
const style = (): CSSStyleSheet => {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
  }
  return sheet;
};

const make = (tag: string, attributes: Record<string, string>, ...children: (Node | string)[]): HTMLElement => {
  const element = document.createElement(tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  element.append(...children);
  return element;
};

// On a server there are no elements; importing must not fail there.
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

export class UpDock extends Base {
  static readonly formAssociated = true;
  static readonly observedAttributes = [...TEXTS, 'multiple', 'disabled', 'required', 'name'];

  #internals = this.attachInternals();
  #root = this.attachShadow({ mode: 'open', delegatesFocus: true });
  #place = make('div', {});
  /** The page's own file input, which stands in where the widget cannot be loaded. */
  #slot = make('slot', { hidden: '' });
  #dock: DockElement | undefined;
  /** What the widget has in the page, while the element itself is in none. */
  #panel: Node[] = [];
  #linger: ReturnType<typeof setTimeout> | undefined;
  /** Files that were paused because the element stayed out of the page. */
  #paused: number[] = [];
  #generation = 0;
  #starting = false;
  #waiting: File[] = [];
  #state = NOTHING;
  #values: readonly string[] = [];
  #credentials: Credentials | undefined;
  #formDisabled = false;
  #observer: MutationObserver | undefined;
  /** Names of native inputs that the widget stands for. */
  #names = new Map<Element, string>();

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [style()];
    this.#root.append(this.#place, this.#slot);
    for (const intent of ['pointerenter', 'focusin', 'dragenter', 'touchstart']) {
      this.addEventListener(intent, () => this.#start(), { passive: true });
    }
    this.addEventListener('change', (event) => event.target !== this && this.#takeNative());
  }

  connectedCallback(): void {
    this.#takeNative();
    this.#observer = new MutationObserver(() => this.#takeNative());
    this.#observer.observe(this, { childList: true });
    if (this.#dock) return this.#comeBack();
    this.#paint();
    this.#standIn(false);
    this.#validate();
    const idle = globalThis.requestIdleCallback ?? ((run: () => void) => setTimeout(run, 200));
    idle(() => this.isConnected && this.#start(), { timeout: 2000 });
  }

  disconnectedCallback(): void {
    this.#observer?.disconnect();
    // A move in the page is a disconnect and a connect at once: nothing happens then.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#generation += 1;
      if (this.#dock) this.#goAway();
      else this.#starting = false;
      // Nobody stands for the inputs any more.
      for (const [input, name] of this.#names) input.setAttribute('name', name);
      this.#names.clear();
    });
  }

  /**
   * Out of the page the list stays, and uploads go on for a while; then they pause, for nobody could see or stop them. An
   * element that the page has forgotten is collected with all it has: so from now on nothing of the widget's may lead here.
   */
  #goAway(): void {
    this.#panel = [...this.#place.childNodes];
    this.#place.replaceChildren();
    this.#linger = setTimeout(() => {
      const moving = this.files.filter(({ state }) => /^(queued|uploading|waiting|retrying|processing)$/.test(state));
      this.#paused = moving.map(({ id }) => id);
      for (const id of this.#paused) this.pause(id);
    }, LINGER);
  }

  #comeBack(): void {
    clearTimeout(this.#linger);
    if (!this.#place.firstChild) this.#place.append(...this.#panel.splice(0));
    for (const id of this.#paused.splice(0)) this.resume(id);
    this.#takeNative();
  }

  attributeChangedCallback(): void {
    this.#dock?.configure(this.#options());
    this.#setValues(this.#values);
  }

  // Form

  formDisabledCallback(disabled: boolean): void {
    this.#formDisabled = disabled;
    this.#dock?.configure(this.#options());
  }

  formResetCallback(): void {
    this.clear();
  }

  get form(): HTMLFormElement | null { return this.#internals.form; }
  get name(): string { return this.getAttribute('name') ?? ''; }
  get type(): string { return 'up-dock'; }
  get labels(): NodeList { return this.#internals.labels; }
  get validity(): ValidityState { return this.#internals.validity; }
  get validationMessage(): string { return this.#internals.validationMessage; }
  get willValidate(): boolean { return this.#internals.willValidate; }
  checkValidity(): boolean { return this.#internals.checkValidity(); }
  reportValidity(): boolean { return this.#internals.reportValidity(); }

  // What the page sees

  /** Every file, as frozen snapshots. */
  get files(): readonly UpDockFile[] {
    return Object.freeze(this.#dock?.files(this.getAttribute('cdn-base-url') ?? '') ?? []) as readonly UpDockFile[];
  }

  /** Sums over the list, frozen. */
  get state(): UpDockState { return this.#state; }

  /** What goes into the form: for each finished file its receipt, or its UUID where there is none. */
  get value(): readonly string[] { return this.#values; }

  /** The page's own function for upload credentials; goes before any URL. */
  get credentials(): Credentials | undefined { return this.#credentials; }
  set credentials(credentials: Credentials | undefined) {
    this.#credentials = credentials;
    this.#dock?.setCredentials(credentials);
    this.#dock?.configure(this.#options());
  }

  // Methods; each takes an optional file id, and means all files without

  /** Files, or handles of them, by which an upload can go on after a reload without choosing the file again. */
  async addFiles(files: Iterable<File | FileSystemFileHandle>): Promise<void> {
    const all = [...files];
    const opened = all.some((each) => 'getFile' in each) ? await Promise.all(all.map(open)) : (all as File[]);
    this.#take(opened);
  }
  start(id?: number): void { this.#dock?.command('start', id); }
  pause(id?: number): void { this.#dock?.command('pause', id); }
  resume(id?: number): void { this.#dock?.command('resume', id); }
  retry(id?: number): void { this.#dock?.command('retry', id); }
  cancel(id?: number): void { this.#dock?.command('cancel', id); }
  /** Takes a file out of the list. The element's own `remove()` takes the element out of the page, as on any element. */
  removeFile(id: number): void { this.#dock?.command('remove', id); }
  /** Takes every file out of the list. */
  clear(): void {
    this.#waiting = [];
    this.#dock?.command('remove');
    this.#validate();
  }

  // Inside

  #options(): Record<string, unknown> {
    const options: Record<string, unknown> = {
      multiple: this.hasAttribute('multiple'),
      disabled: this.hasAttribute('disabled') || this.#formDisabled,
      credentials: this.#credentials !== undefined,
    };
    for (const name of TEXTS) options[name] = this.getAttribute(name) ?? '';
    options.scope = options.resume === 'off' ? '' : `#${this.name}`;
    return options;
  }

  /** A working button before the widget is there; the same look, so that nothing jumps. */
  #paint(): void {
    const multiple = this.hasAttribute('multiple');
    const input = make('input', { type: 'file', hidden: '', 'aria-label': 'Choose files' }) as HTMLInputElement;
    input.multiple = multiple;
    input.accept = this.getAttribute('accept') ?? '';
    input.addEventListener('change', () => this.#take([...(input.files ?? [])]));
    const button = make('button', { type: 'button', class: 'choose', part: 'choose-button' }, multiple ? 'Choose files' : 'Choose a file');
    button.addEventListener('click', () => input.click());
    const hint = make('span', { class: 'hint' }, multiple ? 'or drop them here' : 'or drop it here');
    const panel = make(
      'section',
      { class: 'panel', part: 'panel', 'aria-label': 'Upload files', 'data-density': this.getAttribute('density') ?? '' },
      make('div', { class: 'drop', part: 'drop-area' }, button, hint),
      input,
    );
    panel.addEventListener('dragover', (event) => event.preventDefault());
    panel.addEventListener('drop', (event) => {
      event.preventDefault();
      this.#take([...(event.dataTransfer?.files ?? [])]);
    });
    this.#place.replaceChildren(panel);
  }

  #take(files: File[]): void {
    if (this.#dock) this.#dock.add(files);
    else {
      this.#waiting.push(...files);
      this.#start();
    }
    this.#validate();
  }

  #natives(): HTMLInputElement[] {
    return [...this.querySelectorAll<HTMLInputElement>(':scope > input[type=file]')];
  }

  /** The native input inside works, and submits, until the widget is really there; then the widget stands for it. */
  #takeNative(): void {
    if (!this.#dock) {
      this.#validate();
      return;
    }
    for (const input of this.#natives()) {
      if (input.files?.length) {
        this.#take([...input.files]);
        input.value = '';
      }
      // Else an empty file would go into the form under the same name.
      if (input.name) this.#names.set(input, input.name);
      input.removeAttribute('name');
    }
  }

  /** Shows the native input in place of the button, or the other way round. */
  #standIn(native: boolean): void {
    this.#slot.hidden = !native;
    this.#place.hidden = native;
  }

  /** No widget: the native input does the work, also for files chosen by the button. Without one, the button stays. */
  #fallBack(): void {
    const [input] = this.#natives();
    if (!input) return;
    if (this.#waiting.length) {
      const files = new DataTransfer();
      for (const file of [...(input.files ?? []), ...this.#waiting.splice(0)]) files.items.add(file);
      input.files = files.files;
    }
    this.#standIn(true);
    this.#validate();
  }

  #start(): void {
    if (this.#starting || !this.isConnected) return;
    this.#starting = true;
    const generation = this.#generation;
    load().then(
      async ({ DockElement }) => {
        await released(this);
        // Taken out of the page, or out and in again, while the module was loading.
        if (generation !== this.#generation || !this.isConnected) return;
        const focused = this.#root.activeElement !== null;
        this.#place.replaceChildren();
        this.#dock = new DockElement(this.#place, this.#options(), UpDock.#listener(this));
        this.#dock.setCredentials(this.#credentials);
        if (focused) this.#dock.focus();
        if (this.#waiting.length) this.#dock.add(this.#waiting.splice(0));
        this.#standIn(false);
        this.#takeNative();
        this.#validate();
      },
      (error: unknown) => {
        if (generation !== this.#generation) return;
        this.#starting = false;
        this.#fallBack();
        console.error('up-dock could not load its WebAssembly', error);
      },
    );
  }

  /** Weakly, and in a scope without `this`: the widget must not keep an element that the page has forgotten. */
  static #listener(element: UpDock): (type: string, detail: UpDockFile | UpDockState) => void {
    const self = new WeakRef(element);
    return (type, detail) => {
      const element = self.deref();
      if (element) element.#tell(type, detail);
    };
  }

  #tell(type: string, detail: UpDockFile | UpDockState): void {
    if ('files' in detail) {
      const { done } = this.#state;
      this.#state = detail;
      if (type === 'change' && (detail.done || done)) this.#setValues(this.#dock?.values() ?? []);
      else this.#validate();
    }
    if (type) this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  #setValues(values: readonly string[]): void {
    this.#values = Object.freeze([...values]);
    const { name } = this;
    const data = new FormData();
    if (name) for (const value of values) data.append(name, value);
    this.#internals.setFormValue(name && values.length ? data : null);
    this.#validate();
  }

  #validate(): void {
    const { active, paused, failed, done, files, rejected, needsFile } = this.#state;
    const ready = files - done - failed - rejected - active - paused - needsFile;
    // Counted now: the sums are as of the last frame.
    const left = this.#waiting.length + (this.#dock?.unfinished() ?? 0);
    const native = !this.#dock && this.#natives().some((input) => input.files?.length);
    if (active || paused || left > ready + needsFile) this.#invalid({ customError: true }, 'Files are still uploading.');
    else if (failed) this.#invalid({ customError: true }, 'Some files were not uploaded. Retry or remove them.');
    else if (needsFile) this.#invalid({ customError: true }, 'Some uploads from before are not complete. Continue or discard them.');
    else if (left || ready) this.#invalid({ customError: true }, 'Some files have not been uploaded yet.');
    else if (!done && !native && this.hasAttribute('required')) this.#invalid({ valueMissing: true }, 'Choose a file.');
    else this.#internals.setValidity({});
  }

  #invalid(flags: ValidityStateFlags, message: string): void {
    this.#internals.setValidity(flags, message, this.#place);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'up-dock': UpDock;
  }
}

if (globalThis.customElements && !customElements.get('up-dock')) customElements.define('up-dock', UpDock);
