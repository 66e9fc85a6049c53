// What an unquoted YAML scalar means, by the rules of the YAML library Kubernetes uses (YAML 1.1 with Go's numbers), which
// differ from every JavaScript library's: `010` and `0o10` are 8, `1e3` and `1:30` and dates are strings, `y` is true.

const words = new Map<string, boolean | null>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((w) => [w, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((w) => [w, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((w) => [w, null] as const),
]);

const integer = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const float = /^[-+]?[0-9]*\.?[0-9]+([eE][-+][0-9]+)?$|^\.[0-9]+([eE][-+]?[0-9]+)?$/;
const notFinite = /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/;

/** Whether unquoted text that begins like a word is just that text. */
export function isOrdinaryWord(text: string): boolean {
  return !words.has(text);
}

/** The value of an unquoted scalar. Infinities and NaN are numbers here; JSON has no place for them. */
export function resolvePlainScalar(source: string): string | number | bigint | boolean | null {
  const word = words.get(source);
  if (word !== undefined) return word;
  if (!/^[-+.0-9]/.test(source) || source.length > 128) return source;
  if (notFinite.test(source)) {
    if (source.toLowerCase() === ".nan") return Number.NaN;
    return source.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const digits = source.startsWith(".") ? source : source.replaceAll("_", "");
  const match = integer.exec(digits);
  if (match !== null) {
    const exact = readInteger(match);
    if (exact !== undefined) return exact;
  }
  return float.test(digits) ? Number(digits) : source;
}

/** Undefined when it takes more than 64 bits. */
function readInteger(match: RegExpExecArray): number | bigint | undefined {
  const [, sign, hex, binary, octal, decimal] = match;
  let magnitude = BigInt(decimal ?? 0);
  if (hex !== undefined) magnitude = BigInt(`0x${hex}`);
  else if (binary !== undefined) magnitude = BigInt(`0b${binary}`);
  else if (octal !== undefined) magnitude = BigInt(`0o${octal}`);
  const value = sign === "-" ? -magnitude : magnitude;
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  if (BigInt.asIntN(64, value) === value) return value;
  return BigInt.asUintN(64, value) === value ? number : undefined;
}
