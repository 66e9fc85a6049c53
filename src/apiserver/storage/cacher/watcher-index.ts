import { requiredField } from "../selection.ts";
import type { CacheWatcher } from "./cache-watcher.ts";
import type { ObjectChange } from "./object-change.ts";

type Group = Set<CacheWatcher>;

/**
 * Finds the watchers a change may concern without asking all of them. A watcher is filed under the narrowest thing its
 * selection demands: an object's name, a field's value (`spec.nodeName`, as every kubelet watches), a namespace; else
 * under "all". With 5,000 kubelets a pod's change costs two lookups.
 */
export class WatcherIndex {
  readonly #all: Group = new Set();
  readonly #byNamespace = new Map<string, Group>();
  readonly #byName = new Map<string, Group>();
  /** By field, then value. */
  readonly #byField = new Map<string, Map<string, Group>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(watcher: CacheWatcher): void {
    const { map, key } = this.#place(watcher);
    if (!map) {
      this.#all.add(watcher);
    } else {
      const group = map.get(key);
      if (group) group.add(watcher);
      else map.set(key, new Set([watcher]));
    }
    this.#size++;
  }

  delete(watcher: CacheWatcher): void {
    const { map, key } = this.#place(watcher);
    const group = map ? map.get(key) : this.#all;
    if (!group?.delete(watcher)) return;
    this.#size--;
    if (map && group.size === 0) map.delete(key);
  }

  *[Symbol.iterator](): Generator<CacheWatcher> {
    yield* this.#all;
    for (const group of this.#byNamespace.values()) yield* group;
    for (const group of this.#byName.values()) yield* group;
    for (const values of this.#byField.values()) for (const group of values.values()) yield* group;
  }

  /** Calls `visit` for every watcher the change may concern, each at most once. */
  visit(change: ObjectChange, visit: (watcher: CacheWatcher) => void): void {
    const object = change.current ?? change.previous;
    if (!object) return;
    this.#all.forEach(visit);
    this.#byNamespace.get(object.namespace)?.forEach(visit);
    this.#byName.get(object.name)?.forEach(visit);
    for (const [field, values] of this.#byField) {
      if (values.size === 0) continue;
      const now = change.current?.field(field);
      const before = change.previous?.field(field);
      if (now !== undefined) values.get(now)?.forEach(visit);
      if (before !== undefined && before !== now) values.get(before)?.forEach(visit);
    }
  }

  #place(watcher: CacheWatcher): { readonly map: Map<string, Group> | undefined; readonly key: string } {
    const { selection } = watcher;
    const name = requiredField(selection, "metadata.name");
    if (name !== undefined) return { map: this.#byName, key: name };
    const field = selection.fields?.find((each) => each.operator === "=" && each.field !== "metadata.namespace");
    if (field?.operator === "=") {
      let values = this.#byField.get(field.field);
      if (!values) {
        values = new Map();
        this.#byField.set(field.field, values);
      }
      return { map: values, key: field.value };
    }
    if (selection.namespace !== undefined) return { map: this.#byNamespace, key: selection.namespace };
    return { map: undefined, key: "" };
  }
}
