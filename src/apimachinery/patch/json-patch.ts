import { goQuote } from "../go-format.ts";
import { cloneJson, deepEqual, isJsonObject, jsonDepth, ownMember, setMember } from "../object.ts";
import { jsonDepthMax } from "../json/parse.ts";
import { stringifyJson } from "../json/stringify.ts";
import { PatchError } from "./patch-error.ts";

/** As many operations as the API server accepts in one patch. */
export const jsonPatchOperationsMax = 10_000;

/** How much `copy` operations of one patch may add, in bytes of JSON: the size of the largest request. */
export const jsonPatchCopyBytesMax = 3 * 1024 * 1024;

export interface JsonPatchLimits {
  readonly operationsMax?: number;
  readonly copyBytesMax?: number;
}

/**
 * Applies a JSON patch (RFC 6902) with the particulars of the library upstream uses: negative indices count from the end,
 * `replace` of an absent member adds it, `copy` of one adds null, `null` is a patch without operations, and
 * `test` of an absent member against null holds. Neither argument is changed. Throws PatchError; then nothing was applied.
 */
export function applyJsonPatch(original: unknown, patch: unknown, limits: JsonPatchLimits = {}): unknown {
  if (patch === null) return original;
  if (!Array.isArray(patch) || !patch.every(isJsonObject)) {
    throw new PatchError(400, "json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  }
  const operationsMax = limits.operationsMax ?? jsonPatchOperationsMax;
  if (patch.length > operationsMax) {
    const text = `The allowed maximum operations in a JSON patch is ${operationsMax}, got ${patch.length}`;
    throw new PatchError(413, `Request entity too large: ${text}`);
  }
  const document = new Document(cloneJson(original), limits.copyBytesMax ?? jsonPatchCopyBytesMax);
  for (const operation of patch) document.apply(operation);
  return document.root;
}

type Container = Record<string, unknown> | unknown[];

const missingValue = "missing value";
const invalidIndex = "invalid index referenced";

class Document {
  root: unknown;
  readonly #copyBytesMax: number;
  #copiedBytes = 0;

  constructor(root: unknown, copyBytesMax: number) {
    this.root = root;
    this.#copyBytesMax = copyBytesMax;
  }

  apply(operation: Readonly<Record<string, unknown>>): void {
    const kind = ownMember(operation, "op");
    switch (kind) {
      case "add":
        return this.#add(operation);
      case "remove":
        return this.#remove(operation);
      case "replace":
        return this.#replace(operation);
      case "move":
        return this.#move(operation);
      case "test":
        return this.#test(operation);
      case "copy":
        return this.#copy(operation);
      default:
        return fail(`Unexpected kind: ${typeof kind === "string" ? kind : "unknown"}`);
    }
  }

  #add(operation: Readonly<Record<string, unknown>>): void {
    const path = pathOf(operation, "path", "add");
    const place =
      this.#find(path) ?? fail(`add operation does not apply: doc is missing path: ${goQuote(path)}`, missingValue);
    inContext(`error in add for path: '${path}'`, () =>
      addTo(place.container, place.key, fitting(path, valueOf(operation))),
    );
  }

  #remove(operation: Readonly<Record<string, unknown>>): void {
    const path = pathOf(operation, "path", "remove");
    const place =
      this.#find(path) ?? fail(`remove operation does not apply: doc is missing path: ${goQuote(path)}`, missingValue);
    inContext(`error in remove for path: '${path}'`, () => removeFrom(place.container, place.key));
  }

  #replace(operation: Readonly<Record<string, unknown>>): void {
    const path = pathOf(operation, "path", "replace");
    if (path === "") {
      this.root = valueOf(operation);
      return;
    }
    const { container, key } =
      this.#find(path) ?? fail(`replace operation does not apply: doc is missing path: ${path}`, missingValue);
    if (Array.isArray(container) && !has(container, key))
      fail(`replace operation does not apply: doc is missing key: ${path}`, missingValue);
    const value = fitting(path, valueOf(operation));
    if (Array.isArray(container)) container[indexOf(container, key)] = value;
    else setMember(container, key, value);
  }

  #move(operation: Readonly<Record<string, unknown>>): void {
    const from = pathOf(operation, "from", "move");
    const path = pathOf(operation, "path", "move");
    const source =
      this.#find(from) ?? fail(`move operation does not apply: doc is missing from path: ${from}`, missingValue);
    const value = inContext(`error in move for path: '${path}'`, () => get(source.container, source.key));
    inContext(`error in move for path: '${path}'`, () => removeFrom(source.container, source.key));
    const target =
      this.#find(path) ?? fail(`move operation does not apply: doc is missing destination path: ${path}`, missingValue);
    inContext(`error in move for path: '${path}'`, () => addTo(target.container, target.key, fitting(path, value)));
  }

  #test(operation: Readonly<Record<string, unknown>>): void {
    const path = pathOf(operation, "path", "test");
    const expected = ownMember(operation, "value") ?? null;
    let actual: unknown = this.root;
    if (path !== "") {
      const { container, key } =
        this.#find(path) ?? fail(`test operation does not apply: is missing path: ${path}`, missingValue);
      if (!has(container, key) && expected === null) return;
      actual = inContext(`error in test for path: '${path}'`, () => get(container, key));
    }
    if (!deepEqual(actual, expected)) fail(`testing value ${path} failed`, testFailed);
  }

  #copy(operation: Readonly<Record<string, unknown>>): void {
    const from = pathOf(operation, "from", "copy");
    const path = pathOf(operation, "path", "copy");
    const source =
      this.#find(from) ?? fail(`copy operation does not apply: doc is missing from path: ${from}`, missingValue);
    const value = inContext(`error in copy for from: '${from}'`, () => valueAt(source.container, source.key));
    const target =
      this.#find(path) ?? fail(`copy operation does not apply: doc is missing destination path: ${path}`, missingValue);
    this.#copiedBytes += stringifyJson(value).length;
    if (this.#copiedBytes > this.#copyBytesMax) {
      fail(
        `Unable to complete the copy, the accumulated size increase of copy is ${this.#copiedBytes}, exceeding the limit ${this.#copyBytesMax}`,
      );
    }
    inContext("error while adding value during copy", () =>
      addTo(target.container, target.key, cloneJson(fitting(path, value))),
    );
  }

  /** The object or list a path's last part is looked up in, undefined when something on the way is missing. */
  #find(path: string): { readonly container: Container; readonly key: string } | undefined {
    const parts = path.split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    if (parts.length < 2) return undefined;
    let container = this.root;
    for (const part of parts.slice(1, -1)) {
      if (!isContainer(container) || !has(container, part)) return undefined;
      container = get(container, part);
    }
    return isContainer(container) ? { container, key: parts.at(-1) ?? "" } : undefined;
  }
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

function has(container: Container, key: string): boolean {
  if (!Array.isArray(container)) return Object.hasOwn(container, key);
  const index = parseIndex(key);
  return index !== undefined && index < container.length && index >= -container.length;
}

function get(container: Container, key: string): unknown {
  if (Array.isArray(container)) return container[indexOf(container, key)];
  if (!Object.hasOwn(container, key)) fail(`unable to get nonexistent key: ${key}`, missingValue);
  return container[key];
}

/** Absent members are null; absent items fail. */
function valueAt(container: Container, key: string): unknown {
  if (Array.isArray(container)) return container[indexOf(container, key)];
  return Object.hasOwn(container, key) ? container[key] : null;
}

function addTo(container: Container, key: string, value: unknown): void {
  if (!Array.isArray(container)) return setMember(container, key, value);
  if (key === "-") {
    container.push(value);
    return;
  }
  const index = parseIndex(key) ?? fail(`value was not a proper array index: '${key}'`, badNumber(key));
  const size = container.length + 1;
  if (index >= size || index < -size) fail(`Unable to access invalid index: ${index}`, invalidIndex);
  container.splice(index < 0 ? index + size : index, 0, value);
}

function removeFrom(container: Container, key: string): void {
  if (Array.isArray(container)) {
    container.splice(indexOf(container, key), 1);
    return;
  }
  if (!Object.hasOwn(container, key)) fail(`Unable to remove nonexistent key: ${key}`, missingValue);
  delete container[key];
}

/** The place of an item that is there. */
function indexOf(list: readonly unknown[], key: string): number {
  const index = parseIndex(key) ?? fail(badNumber(key));
  if (index >= list.length || index < -list.length) fail(`Unable to access invalid index: ${index}`, invalidIndex);
  return index < 0 ? index + list.length : index;
}

function parseIndex(key: string): number | undefined {
  return /^[+-]?[0-9]{1,15}$/.test(key) ? Number(key) : undefined;
}

function badNumber(key: string): string {
  return `strconv.Atoi: parsing ${goQuote(key)}: invalid syntax`;
}

function pathOf(operation: Readonly<Record<string, unknown>>, member: "path" | "from", kind: string): string {
  const path = ownMember(operation, member);
  return typeof path === "string" ? path : fail(`${kind} operation failed to decode ${member}`, missingValue);
}

function valueOf(operation: Readonly<Record<string, unknown>>): unknown {
  return cloneJson(ownMember(operation, "value") ?? null);
}

/** Copies into copies would nest without bound; what is parsed never does, and what is patched must not either. */
function fitting<T>(path: string, value: T): T {
  if (path.split("/").length - 1 + jsonDepth(value) > jsonDepthMax) fail("exceeded max depth");
  return value;
}

const testFailed = "test failed";

function fail(message: string, cause?: string): never {
  throw new PatchError(422, cause === undefined ? message : `${message}: ${cause}`, cause === testFailed);
}

function inContext<T>(context: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof PatchError)
      throw new PatchError(error.code, `${context}: ${error.message}`, error.isTestFailure);
    throw error;
  }
}
