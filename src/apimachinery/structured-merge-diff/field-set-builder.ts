import { FieldSet } from "./field-set.ts";
import type { Path, PathElement } from "./path-element.ts";

/** A node of a set that is being made; it becomes the set's own as it is. */
interface Growing {
  isMember: boolean;
  children: GrowingSet | undefined;
}

class GrowingSet extends FieldSet {
  declare readonly nodes: Map<PathElement, Growing>;
}

/**
 * Makes sets while a value is walked: `enter` and `leave` follow the walk, `add` puts the field it stands at into one of the
 * sets. A walk that adds nothing costs next to nothing.
 */
export class FieldSetBuilders {
  readonly #path: PathElement[] = [];
  readonly #roots: readonly Growing[];
  /** Per set, the nodes along the path as far as they exist already. */
  readonly #trails: readonly Growing[][];

  constructor(count: number) {
    this.#roots = Array.from({ length: count }, () => ({ isMember: false, children: undefined }));
    this.#trails = this.#roots.map((root) => [root]);
  }

  /** Where the walk is: a copy. */
  get path(): Path {
    return [...this.#path];
  }

  enter(element: PathElement): void {
    this.#path.push(element);
  }

  leave(): void {
    this.#path.pop();
    const depth = this.#path.length + 1;
    for (const trail of this.#trails) if (trail.length > depth) trail.length = depth;
  }

  /** The root itself is in no set: nobody owns a whole object. */
  add(set: number): void {
    if (this.#path.length === 0) return;
    const trail = this.#trails[set];
    if (trail === undefined) return;
    let node = trail[trail.length - 1];
    for (let i = trail.length - 1; i < this.#path.length && node; i++) {
      const element = this.#path[i] ?? "";
      node.children ??= new GrowingSet(new Map());
      const { nodes } = node.children;
      let child = nodes.get(element);
      if (child === undefined) nodes.set(element, (child = { isMember: false, children: undefined }));
      trail.push(child);
      node = child;
    }
    if (node) node.isMember = true;
  }

  /** To be asked when the walk is over. */
  build(set: number): FieldSet {
    return this.#roots[set]?.children ?? FieldSet.empty;
  }
}
