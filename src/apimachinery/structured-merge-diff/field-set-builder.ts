import { type FieldNode, FieldSet } from "./field-set.ts";
import type { PathElement } from "./path-element.ts";

interface Growing {
  isMember: boolean;
  children: Map<PathElement, Growing> | undefined;
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
      node.children ??= new Map();
      let child = node.children.get(element);
      if (child === undefined) node.children.set(element, (child = { isMember: false, children: undefined }));
      trail.push(child);
      node = child;
    }
    if (node) node.isMember = true;
  }

  build(set: number): FieldSet {
    return setOf(this.#roots[set]?.children) ?? FieldSet.empty;
  }
}

function setOf(children: ReadonlyMap<PathElement, Growing> | undefined): FieldSet | undefined {
  if (children === undefined) return undefined;
  const nodes = new Map<PathElement, FieldNode>();
  for (const [element, node] of children)
    nodes.set(element, { isMember: node.isMember, children: setOf(node.children) });
  return new FieldSet(nodes);
}
