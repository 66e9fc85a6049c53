/**
 * Where in an object a field is: `spec.containers[0].image`, `metadata.labels[app]`.
 * Immutable; a child shares its parents and the text is made only when somebody asks, so walking a valid object costs
 * one small allocation per level.
 */
export class FieldPath {
  readonly #parent: FieldPath | undefined;
  readonly #name: string;
  readonly #isSubscript: boolean;

  private constructor(parent: FieldPath | undefined, name: string, isSubscript: boolean) {
    this.#parent = parent;
    this.#name = name;
    this.#isSubscript = isSubscript;
  }

  /** A path from the root of an object. */
  static of(name: string, ...moreNames: readonly string[]): FieldPath {
    return new FieldPath(undefined, name, name === "").child(...moreNames);
  }

  child(...names: readonly string[]): FieldPath {
    return names.reduce<FieldPath>((parent, name) => new FieldPath(parent, name, name === ""), this);
  }

  /** The path of a list's item. */
  index(index: number): FieldPath {
    return new FieldPath(this, String(index), true);
  }

  /** The path of a map's value. */
  key(key: string): FieldPath {
    return new FieldPath(this, key, true);
  }

  toString(): string {
    const parent = this.#parent === undefined ? "" : this.#parent.toString();
    if (this.#isSubscript) return `${parent}[${this.#name}]`;
    return this.#parent === undefined ? this.#name : `${parent}.${this.#name}`;
  }
}

/** The children of an object that is itself the root: upstream's nil path, whose own text is `<nil>`. */
export function childOf(path: FieldPath | undefined, ...names: readonly [string, ...string[]]): FieldPath {
  return path === undefined ? FieldPath.of(...names) : path.child(...names);
}

export function formatPath(path: FieldPath | undefined): string {
  return path === undefined ? "<nil>" : path.toString();
}
