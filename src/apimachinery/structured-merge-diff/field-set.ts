import { type Path, type PathElement, sortByPathElement } from "./path-element.ts";

/** One element of a set's level: whether the field itself is in the set, and what below it is. Never neither. */
export interface FieldNode {
  readonly isMember: boolean;
  /** Never empty. */
  readonly children: FieldSet | undefined;
}

/**
 * A set of fields of an object, as a tree along their paths. Immutable; operations share what does not change and return the
 * very same set when nothing does, so that `===` tells whether it is worth encoding again. They cost about the size of the
 * smaller operand.
 */
export class FieldSet {
  static readonly empty = new FieldSet(new Map());
  readonly nodes: ReadonlyMap<PathElement, FieldNode>;

  /** The map is owned by the set from now on. */
  constructor(nodes: ReadonlyMap<PathElement, FieldNode>) {
    this.nodes = nodes;
  }

  static of(...paths: readonly Path[]): FieldSet {
    return paths.reduce<FieldSet>((set, path) => set.union(singlePath(path, 0)), FieldSet.empty);
  }

  get isEmpty(): boolean {
    return this.nodes.size === 0;
  }

  /** Whether the field one step down is itself in the set. */
  has(element: PathElement): boolean {
    return this.nodes.get(element)?.isMember === true;
  }

  hasPath(path: Path): boolean {
    const [first, ...rest] = path;
    if (first === undefined) return false;
    return rest.length === 0 ? this.has(first) : this.child(first)?.hasPath(rest) === true;
  }

  /** What is in the set below one step, undefined for nothing. */
  child(element: PathElement): FieldSet | undefined {
    return this.nodes.get(element)?.children;
  }

  union(other: FieldSet): FieldSet {
    if (other === this || other.isEmpty) return this;
    if (this.isEmpty) return other;
    const changes = new Map<PathElement, FieldNode>();
    for (const [element, theirs] of other.nodes) {
      const ours = this.nodes.get(element);
      const node = ours ? unionOfNodes(ours, theirs) : theirs;
      if (node !== ours) changes.set(element, node);
    }
    return this.#changed(changes);
  }

  intersection(other: FieldSet): FieldSet {
    if (other === this) return this;
    const [small, large] = this.nodes.size <= other.nodes.size ? [this, other] : [other, this];
    const nodes = new Map<PathElement, FieldNode>();
    for (const [element, node] of small.nodes) {
      const counterpart = large.nodes.get(element);
      if (counterpart === undefined) continue;
      const isMember = node.isMember && counterpart.isMember;
      const children = node.children && counterpart.children && node.children.intersection(counterpart.children);
      if (isMember || children?.isEmpty === false) nodes.set(element, { isMember, children: orNothing(children) });
    }
    return nodes.size === 0 ? FieldSet.empty : new FieldSet(nodes);
  }

  /** What is in this set and not in the other; a field stays when only something below it is in the other. */
  difference(other: FieldSet): FieldSet {
    return this.#without(other, false);
  }

  /** The same, and a field that is in the other set takes with it all that is below it. */
  recursiveDifference(other: FieldSet): FieldSet {
    return this.#without(other, true);
  }

  equals(other: FieldSet): boolean {
    if (other === this) return true;
    if (other.nodes.size !== this.nodes.size) return false;
    for (const [element, node] of this.nodes) {
      const theirs = other.nodes.get(element);
      if (theirs?.isMember !== node.isMember) return false;
      if (node.children === theirs.children) continue;
      if (!node.children || !theirs.children || !node.children.equals(theirs.children)) return false;
    }
    return true;
  }

  /** The nodes in the order of FieldsV1. */
  sorted(): readonly (readonly [PathElement, FieldNode])[] {
    return sortByPathElement([...this.nodes]);
  }

  /** All paths of the set, those of a level before those below it. */
  paths(prefix: Path = []): readonly Path[] {
    const sorted = this.sorted();
    const own = sorted.filter(([, node]) => node.isMember).map(([element]) => [...prefix, element]);
    const below = sorted.flatMap(([element, { children }]) => children?.paths([...prefix, element]) ?? []);
    return [...own, ...below];
  }

  #without(other: FieldSet, isRecursive: boolean): FieldSet {
    if (this.isEmpty || other.isEmpty) return this;
    const changes = new Map<PathElement, FieldNode | undefined>();
    const visit = (element: PathElement, ours: FieldNode, theirs: FieldNode): void => {
      const isMember = ours.isMember && !theirs.isMember;
      let { children } = ours;
      if (isRecursive && theirs.isMember) children = undefined;
      else if (children && theirs.children) children = orNothing(children.#without(theirs.children, isRecursive));
      if (isMember === ours.isMember && children === ours.children) return;
      changes.set(element, isMember || children ? { isMember, children } : undefined);
    };
    if (other.nodes.size <= this.nodes.size) {
      for (const [element, theirs] of other.nodes) {
        const ours = this.nodes.get(element);
        if (ours) visit(element, ours, theirs);
      }
    } else {
      for (const [element, ours] of this.nodes) {
        const theirs = other.nodes.get(element);
        if (theirs) visit(element, ours, theirs);
      }
    }
    return this.#changed(changes);
  }

  #changed(changes: ReadonlyMap<PathElement, FieldNode | undefined>): FieldSet {
    if (changes.size === 0) return this;
    const nodes = new Map(this.nodes);
    for (const [element, node] of changes) {
      if (node) nodes.set(element, node);
      else nodes.delete(element);
    }
    return nodes.size === 0 ? FieldSet.empty : new FieldSet(nodes);
  }
}

function unionOfNodes(ours: FieldNode, theirs: FieldNode): FieldNode {
  const isMember = ours.isMember || theirs.isMember;
  const children = ours.children && theirs.children ? ours.children.union(theirs.children) : undefined;
  const both = children ?? ours.children ?? theirs.children;
  return isMember === ours.isMember && both === ours.children ? ours : { isMember, children: both };
}

function orNothing(set: FieldSet | undefined): FieldSet | undefined {
  return set === undefined || set.isEmpty ? undefined : set;
}

function singlePath(path: Path, at: number): FieldSet {
  const element = path[at];
  if (element === undefined) return FieldSet.empty;
  const isLast = at === path.length - 1;
  return new FieldSet(
    new Map([[element, { isMember: isLast, children: isLast ? undefined : singlePath(path, at + 1) }]]),
  );
}
