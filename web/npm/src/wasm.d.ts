// The border to the wasm module, as `web/src/element.rs` exports it. Written here, not generated, so that types can be
// checked before the module is built.
export class DockElement {
  constructor(root: Node, options: object, emit: (type: string, detail: never) => void);
  configure(options: object): void;
  setCredentials(credentials: unknown): void;
  add(files: unknown[]): void;
  command(name: string, id?: number): void;
  files(cdn: string): unknown[];
  values(): string[];
  unfinished(): number;
  focus(): void;
  choose(): void;
  free(): void;
}
declare const init: () => Promise<unknown>;
export default init;
