const suffixes: Readonly<Record<string, readonly [base: bigint, exponent: bigint]>> = {
  n: [10n, -9n],
  u: [10n, -6n],
  m: [10n, -3n],
  "": [10n, 0n],
  k: [10n, 3n],
  M: [10n, 6n],
  G: [10n, 9n],
  T: [10n, 12n],
  P: [10n, 15n],
  E: [10n, 18n],
  Ki: [2n, 10n],
  Mi: [2n, 20n],
  Gi: [2n, 30n],
  Ti: [2n, 40n],
  Pi: [2n, 50n],
  Ei: [2n, 60n],
};

/** A quantity in units of 10⁻⁹, which every suffix is a whole number of. Undefined when it is malformed. */
export function nanoValue(quantity: string): bigint | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,2})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/.exec(
    quantity,
  );
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", exponent, suffix] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(whole + fraction);
  const [base, power] = exponent === undefined ? (suffixes[suffix ?? ""] ?? [10n, 0n]) : [10n, BigInt(exponent)];
  let numerator = digits * 1_000_000_000n;
  let denominator = 10n ** BigInt(fraction.length);
  if (power >= 0n) numerator *= base ** power;
  else denominator *= base ** -power;
  // Rounded up, away from zero, as upstream does for what is finer than a nano.
  const value = (numerator + denominator - 1n) / denominator;
  return sign === "-" ? -value : value;
}

function scaled(quantity: string | undefined, unit: bigint): number {
  const nano = quantity === undefined ? undefined : nanoValue(quantity);
  return nano === undefined ? 0 : Number(ceilDivide(nano, unit));
}

/** Thousandths, rounded up; 0 when absent or malformed (the API server lets nothing malformed in). */
export function milliValue(quantity: string | undefined): number {
  return scaled(quantity, 1_000_000n);
}

/** Units, rounded up; 0 when absent or malformed. */
export function wholeValue(quantity: string | undefined): number {
  return scaled(quantity, 1_000_000_000n);
}

export function ceilDivide(a: bigint, b: bigint): bigint {
  return a > 0n ? (a + b - 1n) / b : a / b;
}
