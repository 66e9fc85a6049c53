import type { ManagedFieldsEntry } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { Steps } from "../../../component-base/steps.ts";
import { isJsonObject } from "../../../apimachinery/object.ts";
import { parseTime } from "../../../apimachinery/time.ts";
import { type FieldSet } from "../../../apimachinery/structured-merge-diff/field-set.ts";
import { fieldSetOf, fieldsV1Of } from "../../../apimachinery/structured-merge-diff/fields-v1.ts";
import type { VersionedSet } from "../../../apimachinery/structured-merge-diff/managers.ts";
import { PathElementError, compareText } from "../../../apimachinery/structured-merge-diff/path-element.ts";

/** Who writes: what tells one entry of managedFields from the others. */
export interface ManagerInfo {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  /** Not of appliers: they have one entry, whatever version they apply. */
  readonly apiVersion: string;
  /** "" for the main resource. */
  readonly subresource: string;
}

/** metadata.managedFields, understood: by identifier of the manager. */
export interface ManagedFields {
  readonly managers: ReadonlyMap<string, VersionedSet>;
  /** When each last changed something; absent for never. */
  readonly times: ReadonlyMap<string, string>;
}

export const noManagedFields: ManagedFields = { managers: new Map(), times: new Map() };

/** The text managers are told apart, and sorted, by. */
export function managerId({ manager, operation, apiVersion, subresource }: ManagerInfo): string {
  // Empty members are left out, as upstream's identifiers have it: conflicts are listed in the order of these texts.
  return JSON.stringify({
    ...(manager === "" ? {} : { manager }),
    operation,
    ...(apiVersion === "" || operation === "Apply" ? {} : { apiVersion }),
    ...(subresource === "" ? {} : { subresource }),
  });
}

export function parseManagerId(id: string): ManagerInfo {
  const info = JSON.parse(id) as Partial<ManagerInfo>;
  return { manager: "", operation: "Update", apiVersion: "", subresource: "", ...info };
}

/** managedFields that cannot be read. The message is upstream's. */
export class ManagedFieldsError extends Error {
  override readonly name = "ManagedFieldsError";
}

/**
 * Reads and writes managedFields. Remembers, for as long as the objects live, which set a fieldsV1 stands for and the other way
 * round: an update of an object whose entries are known reads nothing and writes only the entries it changes.
 */
export class ManagedFieldsCodec {
  readonly #sets = new WeakMap<object, FieldSet>();
  readonly #fields = new WeakMap<FieldSet, object>();

  /** Throws ManagedFieldsError. */
  decode(entries: readonly ManagedFieldsEntry[] | undefined): ManagedFields {
    if (entries === undefined || entries.length === 0) return noManagedFields;
    const managers = new Map<string, VersionedSet>();
    const times = new Map<string, string>();
    for (const [i, entry] of entries.entries()) {
      const { manager = "", operation, apiVersion = "", subresource = "", time, fieldsType = "" } = entry;
      if (operation !== "Apply" && operation !== "Update")
        throw new ManagedFieldsError("operation must be `Apply` or `Update`");
      if (apiVersion === "") throw new ManagedFieldsError("apiVersion must not be empty");
      if (fieldsType === "") throw new ManagedFieldsError(`missing fieldsType in managed fields entry ${i}`);
      if (fieldsType !== "FieldsV1")
        throw new ManagedFieldsError(`invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${i}`);
      const id = managerId({ manager, operation, apiVersion, subresource });
      managers.set(id, { set: this.#decodeSet(entry.fieldsV1), apiVersion, isApplied: operation === "Apply" });
      if (time) times.set(id, time);
    }
    return { managers, times };
  }

  /** Undefined for none. */
  *encode({ managers, times }: ManagedFields): Steps<ManagedFieldsEntry[] | undefined> {
    if (managers.size === 0) return undefined;
    const entries: ManagedFieldsEntry[] = [];
    for (const [id, versioned] of managers) entries.push(yield* this.#encodeEntry(id, versioned, times.get(id)));
    return entries.sort(compareEntries);
  }

  #decodeSet(fields: unknown): FieldSet {
    if (typeof fields !== "object" || fields === null) return fieldSetOf(fields);
    const known = this.#sets.get(fields);
    if (known) return known;
    try {
      const set = fieldSetOf(fields);
      // Not the other way round: what a client wrote need not be in canonical form.
      this.#sets.set(fields, set);
      return set;
    } catch (error) {
      if (error instanceof PathElementError)
        throw new ManagedFieldsError(`error decoding set: ${error.message}`, { cause: error });
      throw error;
    }
  }

  *#encodeEntry(id: string, { set, apiVersion }: VersionedSet, time: string | undefined): Steps<ManagedFieldsEntry> {
    const { manager, operation, subresource } = parseManagerId(id);
    return {
      manager,
      operation,
      apiVersion,
      ...(time === undefined ? {} : { time }),
      fieldsType: "FieldsV1",
      fieldsV1: yield* this.#encodeSet(set),
      ...(subresource === "" ? {} : { subresource }),
    };
  }

  *#encodeSet(set: FieldSet): Steps<object> {
    const known = this.#fields.get(set);
    if (known) return known;
    const fields = yield* fieldsV1Of(set);
    this.#fields.set(set, fields);
    this.#sets.set(fields, set);
    return fields;
  }
}

/**
 * True when an object as a client sent it has an empty list of managedFields: it wants them to be forgotten, while leaving them
 * out says nothing. To be asked of the parsed text, as an object in normal form has no empty lists.
 */
export function isManagedFieldsReset(parsed: unknown): boolean {
  if (!isJsonObject(parsed) || !isJsonObject(parsed["metadata"])) return false;
  const { managedFields } = parsed["metadata"];
  return Array.isArray(managedFields) && managedFields.length === 0;
}

/** Appliers first, then the oldest first. */
function compareEntries(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  return (
    compareText(a.operation ?? "", b.operation ?? "") ||
    secondsOf(a.time) - secondsOf(b.time) ||
    compareText(a.manager ?? "", b.manager ?? "") ||
    compareText(a.apiVersion ?? "", b.apiVersion ?? "") ||
    compareText(a.subresource ?? "", b.subresource ?? "")
  );
}

/** 0 for no time. */
export function secondsOf(time: string | null | undefined): number {
  const ms = time ? parseTime(time) : undefined;
  return ms === undefined ? 0 : Math.floor(ms / 1000);
}
