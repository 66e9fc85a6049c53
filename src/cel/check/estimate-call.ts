import type { CelType } from "../types/cel-type.ts";
import type { Operand } from "./estimate-cost.ts";
import { add, fixed, multiply, type Size, times, union, unknownSize } from "./size.ts";

export interface CallEstimate {
  /** At most, without that of the arguments. */
  readonly cost: number;
  /** Of the result, where it is known. */
  readonly size?: Size;
}

/** Passing over a text once, for each character. */
const perCharacter = 0.1;
/** What a character of a pattern multiplies the cost of matching by. */
const perPatternCharacter = 0.25;
/** Of the patterns behind named formats. */
const formatPatternMax = 128;
/** Two checks of the authorizer are as much as an expression may cost. */
const authorizerCheck = 350_000;

/** What a function costs beside its arguments; upstream's numbers. */
export function callCost(name: string, target: Operand | undefined, args: readonly Operand[]): CallEstimate {
  const [receiver, ...rest] = target ? [target, ...args] : args;
  if (!receiver) return { cost: 1 };
  const own = Object.hasOwn(estimates, name) ? estimates[name] : undefined;
  return own?.(receiver, ...rest) ?? { cost: 1 };
}

type Estimate = (receiver: Operand, ...args: readonly Operand[]) => CallEstimate | undefined;

const sizeOf = (operand: Operand | undefined): Size => operand?.size ?? unknownSize;
const maybe = ({ kind }: CelType, ...kinds: readonly string[]): boolean => kind === "dyn" || kinds.includes(kind);

/** Passes over the text so many times; the result is as long. */
const overText =
  (count: number): Estimate =>
  ({ size }) => ({ cost: times(size, count * perCharacter).max, size });

/** Passes over the text and makes something of another size. */
const readsText: Estimate = ({ size }) => ({ cost: times(size, perCharacter).max });

const argument: Estimate = (_receiver, arg) => ({ cost: times(sizeOf(arg), perCharacter).max });

const overElements: Estimate = (receiver) => {
  const element = receiver.elements();
  if (!element) return { cost: times(receiver.size, perCharacter).max };
  const isText = element.type.kind === "string" || element.type.kind === "bytes";
  const each = 1 + (isText ? times(element.size, perCharacter).max : 0);
  return { cost: times(receiver.size, each).max };
};

const matching = (text: Size, pattern: Size): number => {
  const ofText = times(add(text, fixed(1)), perCharacter);
  return multiply(ofText, times(pattern, perPatternCharacter)).max;
};

const comparison: Estimate = (a, b) => {
  if (isSmall(a.type)) return { cost: 1 };
  return { cost: Math.ceil(Math.min(a.size.max, sizeOf(b).max) * perCharacter) };
};

const order: Estimate = (a, b) => {
  const isText = maybe(a.type, "string", "bytes") && b !== undefined && maybe(b.type, "string", "bytes");
  if (!isText) return undefined;
  const cost = comparison(a, b)?.cost ?? 1;
  return { cost: a.type.kind === "dyn" || b.type.kind === "dyn" ? Math.max(cost, 1) : cost };
};

/** Values that are compared at once. */
const smallTypes: ReadonlySet<string> = new Set([
  "net.IP",
  "net.CIDR",
  "kubernetes.Quantity",
  "kubernetes.Semver",
  "kubernetes.authorization.Authorizer",
  "kubernetes.authorization.PathCheck",
  "kubernetes.authorization.GroupCheck",
  "kubernetes.authorization.ResourceCheck",
  "kubernetes.authorization.Decision",
]);

function isSmall(type: CelType): boolean {
  return type.kind === "opaque" && smallTypes.has(type.name);
}

const sum: Estimate = (a, b) => {
  const size = add(a.size, sizeOf(b));
  if (maybe(a.type, "string", "bytes")) return { cost: Math.max(times(size, perCharacter).max, 1), size };
  return a.type.kind === "list" ? { cost: 1, size } : undefined;
};

const replace: Estimate = ({ size }, from, to) => {
  const [replaced, replacement] = [sizeOf(from), sizeOf(to)];
  return {
    cost: times(size, 2 * perCharacter).max,
    size: union(replacedSize(size.min, replaced.max, replacement), replacedSize(size.max, replaced.min, replacement)),
  };
};

/** Of a text of that length in which pieces of a length are replaced wherever they can be. */
function replacedSize(length: number, piece: number, replacement: Size): Size {
  if (piece === 0) return add(multiply(fixed(length + 1), replacement), fixed(length));
  if (replacement.max <= piece) return fixed(length);
  return multiply(fixed(Math.ceil(length / piece)), replacement);
}

const split: Estimate = ({ size }, _separator, count) => {
  const { expr } = count ?? {};
  const limit = expr?.kind === "constant" && typeof expr.value === "bigint" ? Number(expr.value) : size.max;
  return { cost: times(size, 2 * perCharacter).max, size: { min: 0, max: limit < 0 ? unknownSize.max : limit } };
};

const join: Estimate = (list, separator) => {
  const element = list.elements();
  const texts = element ? multiply(list.size, element.size) : fixed(0);
  const gaps = { min: Math.max(list.size.min - 1, 0), max: Math.max(list.size.max - 1, 0) };
  const size = separator ? add(texts, multiply(separator.size, gaps)) : texts;
  return { cost: times(size, perCharacter).max, size };
};

const findText: Estimate = ({ size }, pattern) => ({
  cost: matching(size, sizeOf(pattern)),
  size: { min: 0, max: size.max },
});

/** Addresses have 16 bytes at most, and are compared twice. */
const addressComparison = Math.ceil(32 * perCharacter);

const contains =
  (more: number): Estimate =>
  (_network, other) => {
    const isText = other !== undefined && maybe(other.type, "string");
    return { cost: addressComparison + more + (isText ? times(other.size, perCharacter).max : 0) };
  };

const sets =
  (factor: number): Estimate =>
  (a, b) => ({ cost: times(multiply(a.size, sizeOf(b)), factor).max + 1 });

const selector: Estimate = (_check, text) => {
  const size = sizeOf(text);
  return { cost: 10 + times(size, perCharacter).max + times(times(size, 0.5), 50).max };
};

const estimates: Readonly<Record<string, Estimate>> = {
  check: () => ({ cost: authorizerCheck }),
  fieldSelector: selector,
  labelSelector: selector,
  isSorted: overElements,
  sum: overElements,
  max: overElements,
  min: overElements,
  indexOf: overElements,
  lastIndexOf: overElements,
  url: overText(1),
  "jsonpatch.escapeKey": overText(1),
  lowerAscii: overText(1),
  upperAscii: overText(1),
  substring: overText(1),
  trim: overText(1),
  replace,
  split,
  join,
  find: findText,
  findAll: findText,
  cidr: readsText,
  isIP: readsText,
  isCIDR: readsText,
  ip: (receiver) => (receiver.type.kind === "opaque" ? { cost: 1 } : { cost: times(receiver.size, perCharacter).max }),
  "ip.isCanonical": ({ size }) => ({ cost: times(size, 2 * perCharacter).max }),
  containsIP: contains(0),
  containsCIDR: contains(Math.ceil(16 * perCharacter) + 1),
  quantity: readsText,
  isQuantity: readsText,
  semver: readsText,
  isSemver: readsText,
  validate: (_format, text) => ({
    cost: times(times(sizeOf(text), perCharacter), formatPatternMax * perPatternCharacter).max,
  }),
  format: readsText,
  bytes: ({ type, size }) =>
    type.kind === "string"
      ? { cost: times(size, perCharacter).max, size: { min: size.min, max: times(size, 4).max } }
      : undefined,
  string: ({ type, size }) =>
    type.kind === "bytes"
      ? { cost: times(size, perCharacter).max, size: { min: Math.floor(size.min / 4), max: size.max } }
      : undefined,
  "strings.quote": ({ size }) => ({
    cost: times(size, perCharacter).max,
    size: add(multiply(size, { min: 1, max: 2 }), fixed(2)),
  }),
  startsWith: argument,
  endsWith: argument,
  "@in": (_value, list) => (list && maybe(list.type, "list") ? { cost: Math.max(list.size.max, 1) } : undefined),
  matches: (text, pattern) => ({ cost: matching(text.size, sizeOf(pattern)) }),
  contains: ({ size }, part) => ({
    cost: multiply(times(size, perCharacter), times(sizeOf(part), perCharacter)).max,
  }),
  "_+_": sum,
  "_==_": comparison,
  "_!=_": comparison,
  "_<_": order,
  "_<=_": order,
  "_>_": order,
  "_>=_": order,
  "sets.contains": sets(1),
  "sets.equivalent": sets(2),
  "sets.intersects": sets(1),
  "lists.range": (count) => ({ cost: times(count.size, 1).max, size: unknownSize }),
  distinct: (list) => ({ cost: multiply(list.size, list.size).max, size: list.size }),
  sort: (list) => ({ cost: multiply(list.size, list.size).max, size: list.size }),
  reverse: (list) => ({ cost: list.size.max, size: list.size }),
  flatten: (list) => ({ cost: list.size.max, size: unknownSize }),
};
