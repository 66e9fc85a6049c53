/** How many characters, elements or entries a value has, at least and at most. */
export interface Size {
  readonly min: number;
  readonly max: number;
}

/** Upstream counts in 64 bits and stays at the end of them. */
const most = 2 ** 64;

export const unknownSize: Size = { min: 0, max: most };

export function fixed(size: number): Size {
  return { min: size, max: size };
}

export function union(a: Size, b: Size): Size {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

export function add(a: Size, b: Size): Size {
  return { min: Math.min(a.min + b.min, most), max: Math.min(a.max + b.max, most) };
}

export function multiply(a: Size, b: Size): Size {
  return { min: Math.min(a.min * b.min, most), max: Math.min(a.max * b.max, most) };
}

/** So many times a cost; fractions are rounded up. */
export function times({ min, max }: Size, factor: number): Size {
  return { min: Math.min(Math.ceil(min * factor), most), max: Math.min(Math.ceil(max * factor), most) };
}
