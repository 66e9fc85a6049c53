import { CelError } from "../errors.ts";

export interface Semver {
  readonly major: bigint;
  readonly minor: bigint;
  readonly patch: bigint;
  readonly preRelease: readonly string[];
}

/** Semantic Versioning 2.0.0. Loose: a leading `v`, missing parts and leading zeros will do. Throws CelError. */
export function parseSemver(text: string, isLoose: boolean): Semver {
  const wanted = isLoose ? normalized(text) : text;
  const match = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?$/.exec(wanted);
  if (!match) throw new CelError(text === "" ? "Version string empty" : "No Major.Minor.Patch elements found");
  const [, major = "", minor = "", patch = "", pre, build] = match;
  for (const [name, digits] of Object.entries({ Major: major, Minor: minor, Patch: patch }))
    if (/^0\d/.test(digits)) throw new CelError(`${name} number must not contain leading zeroes "${digits}"`);
  const preRelease = pre?.split(".") ?? [];
  for (const part of [...preRelease, ...(build?.split(".") ?? [])])
    if (part === "") throw new CelError("Prerelease is empty");
  for (const part of preRelease)
    if (/^0\d+$/.test(part)) throw new CelError(`Numeric PreRelease version must not contain leading zeroes "${part}"`);
  return { major: BigInt(major), minor: BigInt(minor), patch: BigInt(patch), preRelease };
}

function normalized(text: string): string {
  const [, numbers = "", rest = ""] = /^v?([\d.]*)(.*)$/s.exec(text.trim()) ?? [];
  const parts = numbers.split(".").map((part) => part.replace(/^0+(?=\d)/, ""));
  while (parts.length < 3) parts.push("0");
  return parts.join(".") + rest;
}

/** -1, 0 or 1; what stands behind a `+` does not count. */
export function semverOrder(a: Semver, b: Semver): number {
  for (const part of ["major", "minor", "patch"] as const) if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1;
  if (a.preRelease.length === 0 || b.preRelease.length === 0)
    return Math.sign(b.preRelease.length - a.preRelease.length);
  for (const [i, part] of a.preRelease.entries()) {
    const other = b.preRelease[i];
    if (other === undefined) return 1;
    if (part !== other) return partOrder(part, other);
  }
  return a.preRelease.length < b.preRelease.length ? -1 : 0;
}

function partOrder(a: string, b: string): number {
  const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  if (isNumber) return BigInt(a) < BigInt(b) ? -1 : 1;
  return a < b ? -1 : 1;
}
