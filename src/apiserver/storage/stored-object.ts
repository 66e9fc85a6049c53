import type { KubeObject } from "../../apimachinery/resource-type.ts";
import type { ParsedCache } from "./parsed-cache.ts";

/** Labels or fields of an object that has none. */
const none: Readonly<Record<string, string>> = Object.freeze({});

/** Computes the selectable fields of one kind, metadata.name and metadata.namespace excepted. */
export type SelectableFields = (object: KubeObject) => Readonly<Record<string, string>>;

/**
 * One version of one object as the cache holds it: the store's bytes and, beside them, what selection needs without
 * parsing. Immutable.
 */
export class StoredObject {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly bytes: Uint8Array;
  readonly #parsed: ParsedCache;
  readonly #selectableFields: SelectableFields | undefined;
  #labels: Readonly<Record<string, string>> | undefined;
  #fields: Readonly<Record<string, string>> | undefined;
  #protobuf: Uint8Array | undefined;

  constructor(options: {
    readonly namespace: string;
    readonly name: string;
    readonly revision: number;
    readonly bytes: Uint8Array;
    readonly parsed: ParsedCache;
    readonly selectableFields: SelectableFields | undefined;
  }) {
    this.namespace = options.namespace;
    this.name = options.name;
    this.revision = options.revision;
    this.bytes = options.bytes;
    this.#parsed = options.parsed;
    this.#selectableFields = options.selectableFields;
  }

  /** The parsed object; shared and read-only. */
  object(): KubeObject {
    return this.#parsed.get(this.bytes);
  }

  /** The object in protobuf's envelope and the storage version, as `encode` makes it. Made for the first who asks, and kept. */
  protobuf(encode: (object: KubeObject) => Uint8Array): Uint8Array {
    return (this.#protobuf ??= encode(this.object()));
  }

  get labels(): Readonly<Record<string, string>> {
    return (this.#labels ??= this.object().metadata.labels ?? none);
  }

  /** The value of a selectable field; "" when it is unset. */
  field(path: string): string {
    if (path === "metadata.name") return this.name;
    if (path === "metadata.namespace") return this.namespace;
    this.#fields ??= this.#selectableFields?.(this.object()) ?? none;
    return this.#fields[path] ?? "";
  }

  /** The same state under another revision and its bytes. Keeps what is known of it. */
  at(revision: number, bytes: Uint8Array): StoredObject {
    const copy = new StoredObject({
      namespace: this.namespace,
      name: this.name,
      revision,
      bytes,
      parsed: this.#parsed,
      selectableFields: this.#selectableFields,
    });
    copy.#labels = this.#labels;
    copy.#fields = this.#fields;
    return copy;
  }
}
