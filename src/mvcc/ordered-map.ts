/** Entries per node. A path copy is about three nodes of this size at 100,000 keys: 3 × 32 × 8 bytes. */
const maxFanout = 32;
const minFanout = 8;

export interface Keyed {
  readonly key: string;
}

/** Marks nodes that one editor made since it last sealed and may therefore change in place. */
type Owner = object;

class Leaf<E extends Keyed> {
  readonly owner: Owner;
  readonly entries: E[];

  constructor(owner: Owner, entries: E[]) {
    this.owner = owner;
    this.entries = entries;
  }
}

class Branch<E extends Keyed> {
  readonly owner: Owner;
  /** Entries below this node, for counting ranges without walking them. */
  size: number;
  /** `lows[i]` separates child i-1 from child i; `lows[0]` is never consulted. */
  readonly lows: string[];
  readonly children: Node<E>[];

  constructor(owner: Owner, size: number, lows: string[], children: Node<E>[]) {
    this.owner = owner;
    this.size = size;
    this.lows = lows;
    this.children = children;
  }
}

type Node<E extends Keyed> = Leaf<E> | Branch<E>;

/**
 * An immutable map ordered by key: a B+ tree whose versions share all nodes that did not change. Holding a version is
 * O(1) and keeps it readable for ever; `edit` starts the next one.
 */
export class OrderedMap<E extends Keyed> {
  readonly #root: Node<E>;

  constructor(root: Node<E> = new Leaf<E>({}, [])) {
    this.#root = root;
  }

  get size(): number {
    return sizeOf(this.#root);
  }

  get(key: string): E | undefined {
    return find(this.#root, key);
  }

  /** Entries with start <= key < end, in order, at most `limit`. */
  range(start: string, end: string, limit = Infinity): E[] {
    const out: E[] = [];
    if (start < end && limit > 0) collect(this.#root, start, end, limit, out);
    return out;
  }

  /** The number of keys with start <= key < end; O(log n). */
  count(start: string, end: string): number {
    return start < end ? rank(this.#root, end) - rank(this.#root, start) : 0;
  }

  /** All entries in order. */
  entries(): Generator<E, void, undefined> {
    return walk(this.#root);
  }

  edit(): OrderedMapEditor<E> {
    return new OrderedMapEditor(this.#root);
  }
}

/** A changing version of an OrderedMap. Nodes are copied once between two seals, then changed in place. */
export class OrderedMapEditor<E extends Keyed> {
  #owner: Owner = {};
  #root: Node<E>;
  /** The right half of the node `#insert` has just split. */
  #right: Node<E> | undefined;

  constructor(root: Node<E>) {
    this.#root = root;
  }

  get(key: string): E | undefined {
    return find(this.#root, key);
  }

  set(entry: E): void {
    const left = this.#insert(this.#root, entry);
    const right = this.#takeRight();
    this.#root = right
      ? new Branch(this.#owner, sizeOf(left) + sizeOf(right), ["", lowOf(right)], [left, right])
      : left;
  }

  /** True when the key was there. */
  delete(key: string): boolean {
    if (!this.get(key)) return false;
    let root = this.#remove(this.#root, key);
    while (root instanceof Branch && root.children.length === 1) root = at(root.children, 0);
    this.#root = root;
    return true;
  }

  /** The present version, immutable; the editor goes on from it. */
  seal(): OrderedMap<E> {
    this.#owner = {};
    return new OrderedMap(this.#root);
  }

  #insert(node: Node<E>, entry: E): Node<E> {
    const own = this.#own(node);
    if (own instanceof Leaf) {
      const { entries } = own;
      const i = lowerBound(entries, entry.key);
      if (entries[i]?.key === entry.key) entries[i] = entry;
      else entries.splice(i, 0, entry);
      if (entries.length > maxFanout) this.#right = new Leaf(this.#owner, entries.splice(maxFanout / 2));
      return own;
    }
    const i = childIndex(own.lows, entry.key);
    const child = at(own.children, i);
    const before = sizeOf(child);
    const left = this.#insert(child, entry);
    const right = this.#takeRight();
    own.children[i] = left;
    own.size += sizeOf(left) - before;
    if (right) {
      own.children.splice(i + 1, 0, right);
      own.lows.splice(i + 1, 0, lowOf(right));
      own.size += sizeOf(right);
      if (own.children.length > maxFanout) this.#right = this.#splitBranch(own);
    }
    return own;
  }

  #splitBranch(branch: Branch<E>): Branch<E> {
    const children = branch.children.splice(maxFanout / 2);
    const lows = branch.lows.splice(maxFanout / 2);
    const size = totalSize(children);
    branch.size -= size;
    return new Branch(this.#owner, size, lows, children);
  }

  #takeRight(): Node<E> | undefined {
    const right = this.#right;
    this.#right = undefined;
    return right;
  }

  /** The key is known to be there. */
  #remove(node: Node<E>, key: string): Node<E> {
    const own = this.#own(node);
    if (own instanceof Leaf) {
      own.entries.splice(lowerBound(own.entries, key), 1);
      return own;
    }
    const i = childIndex(own.lows, key);
    own.children[i] = this.#remove(at(own.children, i), key);
    own.size -= 1;
    if (fanout(at(own.children, i)) < minFanout && own.children.length > 1) this.#merge(own, i === 0 ? 1 : i);
    return own;
  }

  /** Joins child i into child i-1 when both fit into one node; otherwise the small one stays, which costs only space. */
  #merge(parent: Branch<E>, i: number): void {
    const left = at(parent.children, i - 1);
    const right = at(parent.children, i);
    if (fanout(left) + fanout(right) > maxFanout) return;
    const own = this.#own(left);
    if (own instanceof Leaf && right instanceof Leaf) own.entries.push(...right.entries);
    else if (own instanceof Branch && right instanceof Branch) {
      own.lows.push(at(parent.lows, i), ...right.lows.slice(1));
      own.children.push(...right.children);
      own.size += right.size;
    }
    parent.children.splice(i - 1, 2, own);
    parent.lows.splice(i, 1);
  }

  #own(node: Node<E>): Node<E> {
    if (node.owner === this.#owner) return node;
    if (node instanceof Leaf) return new Leaf(this.#owner, node.entries.slice());
    return new Branch(this.#owner, node.size, node.lows.slice(), node.children.slice());
  }
}

/** The element at an index that is in bounds by construction. */
function at<T>(array: readonly T[], i: number): T {
  return array[i] as T;
}

function sizeOf<E extends Keyed>(node: Node<E>): number {
  return node instanceof Leaf ? node.entries.length : node.size;
}

function fanout<E extends Keyed>(node: Node<E>): number {
  return node instanceof Leaf ? node.entries.length : node.children.length;
}

function totalSize(nodes: readonly Node<Keyed>[]): number {
  let size = 0;
  for (const node of nodes) size += sizeOf(node);
  return size;
}

/** A separator for a node that was just split off: its lowest key, or for a branch any key not above it. */
function lowOf<E extends Keyed>(node: Node<E>): string {
  return node instanceof Leaf ? at(node.entries, 0).key : at(node.lows, 0);
}

/** Index of the first entry whose key is not below `key`. */
function lowerBound(entries: readonly Keyed[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(entries, middle).key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the child whose subtree holds `key` if any does. */
function childIndex(lows: readonly string[], key: string): number {
  let low = 1;
  let high = lows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(lows, middle) <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function find<E extends Keyed>(root: Node<E>, key: string): E | undefined {
  let node = root;
  while (node instanceof Branch) node = at(node.children, childIndex(node.lows, key));
  const entry = node.entries[lowerBound(node.entries, key)];
  return entry?.key === key ? entry : undefined;
}

/** The number of keys below `key`. */
function rank<E extends Keyed>(root: Node<E>, key: string): number {
  let below = 0;
  let node = root;
  while (node instanceof Branch) {
    const i = childIndex(node.lows, key);
    for (let j = 0; j < i; j++) below += sizeOf(at(node.children, j));
    node = at(node.children, i);
  }
  return below + lowerBound(node.entries, key);
}

/** False once the limit or the end is reached. */
function collect<E extends Keyed>(node: Node<E>, start: string, end: string, limit: number, out: E[]): boolean {
  if (node instanceof Leaf) {
    const { entries } = node;
    const from = lowerBound(entries, start);
    const last = entries[entries.length - 1];
    const whole = last !== undefined && last.key < end;
    const to = Math.min(whole ? entries.length : lowerBound(entries, end), from + limit - out.length);
    for (let i = from; i < to; i++) out.push(at(entries, i));
    return (whole || last === undefined) && out.length < limit;
  }
  for (let i = childIndex(node.lows, start); i < node.children.length; i++) {
    if (!collect(at(node.children, i), start, end, limit, out)) return false;
  }
  return true;
}

function* walk<E extends Keyed>(node: Node<E>): Generator<E, void, undefined> {
  if (node instanceof Leaf) yield* node.entries;
  else for (const child of node.children) yield* walk(child);
}
