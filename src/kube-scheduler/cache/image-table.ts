import type { ContainerImage } from "../../api/core/v1/types.gen.ts";

/** One image: its size as first reported, and the slots of the nodes that have it. */
export interface ImageState {
  readonly sizeBytes: number;
  readonly slots: ReadonlySet<number>;
}

/** Which nodes have which container images, by each of their names. */
export class ImageTable {
  readonly #byName = new Map<string, { readonly sizeBytes: number; readonly slots: Set<number> }>();

  get byName(): ReadonlyMap<string, ImageState> {
    return this.#byName;
  }

  /** Replaces what the node in the slot has. Costs nothing when the lists name the same images, as in most heartbeats. */
  set(slot: number, previous: readonly ContainerImage[] = [], current: readonly ContainerImage[] = []): void {
    if (sameImages(previous, current)) return;
    for (const name of previous.flatMap((image) => image.names ?? [])) {
      const state = this.#byName.get(name);
      state?.slots.delete(slot);
      if (state?.slots.size === 0) this.#byName.delete(name);
    }
    for (const { names, sizeBytes = 0 } of current) {
      for (const name of names ?? []) {
        const state = this.#byName.get(name);
        if (state) state.slots.add(slot);
        else this.#byName.set(name, { sizeBytes, slots: new Set([slot]) });
      }
    }
  }
}

function sameImages(a: readonly ContainerImage[], b: readonly ContainerImage[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((image, i) => {
    const names = image.names ?? [];
    const others = b[i]?.names ?? [];
    return names.length === others.length && names.every((name, k) => name === others[k]);
  });
}
