/** Whether two JSON values say the same: key order and absent-or-undefined make no difference. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!deepEqual(a[i], b[i])) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(left)) {
    if (
      left[key] === undefined
        ? right[key] !== undefined
        : !Object.hasOwn(right, key) || !deepEqual(left[key], right[key])
    )
      return false;
  }
  for (const key of Object.keys(right)) if (right[key] !== undefined && !Object.hasOwn(left, key)) return false;
  return true;
}

/** A private copy of a JSON value. */
export function deepCopy<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  // Frozen objects without a prototype are JSON.rawJSON values: exact integers, immutable.
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null && Object.isFrozen(value)) return value;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const each = copy((value as Readonly<Record<string, unknown>>)[key]);
    // `out.__proto__ = x` would set the prototype instead of a property.
    if (key === "__proto__")
      Object.defineProperty(out, key, { value: each, enumerable: true, writable: true, configurable: true });
    else out[key] = each;
  }
  return out;
}
