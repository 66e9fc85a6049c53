/** How a quantity was written, and is written again: `12Mi`, `12M`, `12e6`. */
export type QuantityFormat = "BinarySI" | "DecimalSI" | "DecimalExponent";

const decimalSuffixes: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binarySuffixes: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const decimalSuffixOf = new Map(Object.entries(decimalSuffixes).map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixOf = new Map(Object.entries(binarySuffixes).map(([suffix, exponent]) => [exponent, suffix]));

// Limits keep arithmetic on hostile input cheap; upstream bounds neither and works in time proportional to the exponent.
const textLengthMax = 256;
const exponentMax = 1024;

/** Nothing finer than a billionth is kept. */
const scaleMin = -9;
/** Up to so many decimal digits, upstream takes the path that keeps the text as written. */
const exactDigits = 18;
const int64Max = 2n ** 63n - 1n;

const grammar = /^([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

export class QuantityError extends Error {
  override readonly name = "QuantityError";
}

const wrongFormat = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const wrongSuffix = "unable to parse quantity's suffix";

/**
 * A fixed-point amount of a resource: exact, immutable. It prints in canonical form: no fraction, the largest suffix that
 * keeps it whole, the format it was written in; text that upstream keeps verbatim is kept verbatim.
 */
export class Quantity {
  /** The amount is `unscaled` × 10^`scale`. */
  readonly #unscaled: bigint;
  readonly #scale: number;
  readonly format: QuantityFormat;
  #text: string | undefined;

  private constructor(unscaled: bigint, scale: number, format: QuantityFormat, text?: string) {
    this.#unscaled = unscaled;
    this.#scale = scale;
    this.format = format;
    this.#text = text;
  }

  static readonly zero: Quantity = new Quantity(0n, 0, "DecimalSI", "0");

  /** A whole amount. */
  static of(value: bigint | number, format: QuantityFormat = "DecimalSI"): Quantity {
    return new Quantity(BigInt(value), 0, format);
  }

  /** Thousandths, the unit CPUs are counted in. */
  static ofMilli(value: bigint | number, format: QuantityFormat = "DecimalSI"): Quantity {
    return new Quantity(BigInt(value), -3, format);
  }

  /** Throws QuantityError with upstream's text. */
  static parse(text: string): Quantity {
    if (text === "0") return Quantity.zero;
    const match = text === "" || text.length > textLengthMax ? null : grammar.exec(text);
    if (match === null) throw new QuantityError(wrongFormat);
    const [, sign, digits = "", fraction = "", suffix = ""] = match;
    const whole = digits === "" ? "0" : digits;
    const unit = readSuffix(suffix);
    if (unit === undefined) throw new QuantityError(wrongSuffix);
    const magnitude = BigInt(whole + fraction);
    const quantity = unit.format === "BinarySI" ? binary(magnitude, whole, fraction, unit.exponent) : undefined;
    const { unscaled, scale, format, isCanonical } =
      quantity ?? decimal(magnitude, whole, fraction, unit.exponent, unit.format);
    return new Quantity(sign === "-" ? -unscaled : unscaled, scale, format, isCanonical ? text : undefined);
  }

  /** Undefined when the text is no quantity. */
  static tryParse(text: string): Quantity | undefined {
    try {
      return Quantity.parse(text);
    } catch (error) {
      if (error instanceof QuantityError) return undefined;
      throw error;
    }
  }

  static isValid(text: string): boolean {
    return Quantity.tryParse(text) !== undefined;
  }

  get isZero(): boolean {
    return this.#unscaled === 0n;
  }

  /** -1, 0 or 1. */
  get sign(): number {
    if (this.#unscaled === 0n) return 0;
    return this.#unscaled < 0n ? -1 : 1;
  }

  /** Negative, zero or positive, as this is less than, equal to or greater than the other. */
  compare(other: Quantity): number {
    const [a, b] = this.#aligned(other);
    if (a === b) return 0;
    return a < b ? -1 : 1;
  }

  equals(other: Quantity): boolean {
    return this.compare(other) === 0;
  }

  /** The sum, in this quantity's format unless this is zero. */
  add(other: Quantity): Quantity {
    const [a, b, scale] = this.#aligned(other);
    return new Quantity(a + b, scale, this.isZero ? other.format : this.format);
  }

  sub(other: Quantity): Quantity {
    const [a, b, scale] = this.#aligned(other);
    return new Quantity(a - b, scale, this.isZero ? other.format : this.format);
  }

  mul(factor: bigint | number): Quantity {
    return new Quantity(this.#unscaled * BigInt(factor), this.#scale, this.format);
  }

  negate(): Quantity {
    return new Quantity(-this.#unscaled, this.#scale, this.format);
  }

  /** In units of 10^`scale`, rounded away from zero. */
  scaledValue(scale: number): bigint {
    return rescale(this.#unscaled, this.#scale - scale);
  }

  /** The whole amount, rounded away from zero. */
  value(): bigint {
    return this.scaledValue(0);
  }

  /** Thousandths, rounded away from zero. */
  milliValue(): bigint {
    return this.scaledValue(-3);
  }

  /** value() as a number: inexact past 2^53. */
  toNumber(): number {
    return Number(this.value());
  }

  /** milliValue() as a number: inexact past 2^53. */
  toMilliNumber(): number {
    return Number(this.milliValue());
  }

  /** The amount with its fraction, as near as a number comes. */
  toApproximateNumber(): number {
    return Number(`${this.#unscaled}e${this.#scale}`);
  }

  /** The least quantity that is a multiple of 10^`scale` and, away from zero, not below this one. */
  roundUp(scale: number): Quantity {
    if (this.#scale >= scale) return this;
    return new Quantity(this.scaledValue(scale), scale, this.format);
  }

  toString(): string {
    this.#text ??= this.#canonical();
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }

  #canonical(): string {
    if (this.isZero) return "0";
    if (this.format === "BinarySI") {
      const whole = this.value();
      const isExact = this.compare(new Quantity(whole, 0, "BinarySI")) === 0;
      const isLarge = this.#isAtLeast1024();
      if (isExact && isLarge) return canonicalBinary(whole);
    }
    return canonicalDecimal(this.#unscaled, this.#scale, this.format === "DecimalExponent");
  }

  #isAtLeast1024(): boolean {
    const magnitude = new Quantity(this.#unscaled < 0n ? -this.#unscaled : this.#unscaled, this.#scale, "DecimalSI");
    return magnitude.compare(new Quantity(1024n, 0, "DecimalSI")) >= 0;
  }

  /** Both amounts in units of the finer of the two scales. */
  #aligned(other: Quantity): readonly [bigint, bigint, number] {
    const difference = this.#scale - other.#scale;
    if (difference === 0) return [this.#unscaled, other.#unscaled, this.#scale];
    if (difference > 0) return [this.#unscaled * 10n ** BigInt(difference), other.#unscaled, other.#scale];
    return [this.#unscaled, other.#unscaled * 10n ** BigInt(-difference), this.#scale];
  }
}

interface Amount {
  readonly unscaled: bigint;
  readonly scale: number;
  readonly format: QuantityFormat;
  /** The text counts as canonical and is kept. */
  readonly isCanonical: boolean;
}

function readSuffix(suffix: string): { exponent: number; format: QuantityFormat } | undefined {
  const decimalExponent = decimalSuffixes[suffix];
  if (decimalExponent !== undefined) return { exponent: decimalExponent, format: "DecimalSI" };
  const binaryExponent = binarySuffixes[suffix];
  if (binaryExponent !== undefined) return { exponent: binaryExponent, format: "BinarySI" };
  if (!/^[eE][-+]?[0-9]+$/.test(suffix)) return undefined;
  const exponent = Number(suffix.slice(1));
  return Math.abs(exponent) <= exponentMax ? { exponent, format: "DecimalExponent" } : undefined;
}

function decimal(magnitude: bigint, whole: string, fraction: string, exponent: number, format: QuantityFormat): Amount {
  const scale = exponent - fraction.length;
  const written = whole + fraction;
  if (scale < scaleMin)
    return { unscaled: rescale(magnitude, scale - scaleMin), scale: scaleMin, format, isCanonical: false };
  const isCanonical =
    written.length <= exactDigits && scale % 3 === 0 && !written.endsWith("000") && !written.startsWith("0");
  return { unscaled: magnitude, scale, format, isCanonical };
}

function binary(magnitude: bigint, whole: string, fraction: string, exponent: number): Amount {
  const unit = 1n << BigInt(exponent);
  // The path that keeps the text: whole numbers that fit 15 digits after multiplication.
  const digitsLeft = 15 - whole.length - Math.trunc((exponent * 3) / 10) - 1;
  if (fraction === "" && digitsLeft >= 0) {
    return { unscaled: magnitude * unit, scale: 0, format: "BinarySI", isCanonical: (magnitude & 7n) !== 0n };
  }
  const scale = -fraction.length;
  let unscaled = magnitude * unit;
  if (scale < scaleMin) unscaled = rescale(unscaled, scale - scaleMin);
  const kept = Math.max(scale, scaleMin);
  const one = 10n ** BigInt(-kept);
  if (unscaled > int64Max * one) return { unscaled: int64Max, scale: 0, format: "BinarySI", isCanonical: false };
  const format = unscaled > 0n && unscaled < one ? "DecimalSI" : "BinarySI";
  return { unscaled, scale: kept, format, isCanonical: false };
}

/** Times 10^`exponent`, rounded away from zero. */
function rescale(value: bigint, exponent: number): bigint {
  if (exponent === 0) return value;
  if (exponent > 0) return value * 10n ** BigInt(exponent);
  const divisor = 10n ** BigInt(-exponent);
  const quotient = value / divisor;
  if (quotient * divisor === value) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

function canonicalDecimal(unscaled: bigint, scale: number, isExponent: boolean): string {
  let number = unscaled;
  let exponent = scale;
  // Differs from upstream: past E, the zeros stay in the number; upstream drops them and with them the amount.
  const exponentLimit = isExponent ? Number.POSITIVE_INFINITY : 18;
  while (number % 10n === 0n && exponent < exponentLimit) {
    number /= 10n;
    exponent++;
  }
  const target = Math.floor(Math.min(exponent, exponentLimit) / 3) * 3;
  number *= 10n ** BigInt(exponent - target);
  if (isExponent) return target === 0 ? String(number) : `${number}e${target}`;
  return `${number}${decimalSuffixOf.get(target) ?? ""}`;
}

function canonicalBinary(value: bigint): string {
  let number = value;
  let exponent = 0;
  while (number % 1024n === 0n && exponent < 60) {
    number /= 1024n;
    exponent += 10;
  }
  return `${number}${binarySuffixOf.get(exponent) ?? ""}`;
}
