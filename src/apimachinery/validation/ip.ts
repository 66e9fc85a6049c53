import { goQuote } from "../go-format.ts";
import { type IpAddress, type IpNetwork, formatIp, formatNetwork, parseIp, parseNetwork } from "./ip-address.ts";
import { type FieldError, fieldInvalid } from "./field-error.ts";
import type { FieldPath } from "./field-path.ts";

/** An IP address of a field that came after 1.33: valid, unambiguous and in canonical form. */
export function validateIp(path: FieldPath, value: string): readonly FieldError[] {
  const { ip, errors } = checkIp(path, value, true);
  if (ip === undefined || errors.length > 0) return errors;
  return canonicalForm(path, value, formatIp(ip));
}

/**
 * An IP address of an older field, which need not be in canonical form. Without `strict`, leading zeros and IPv4-mapped
 * IPv6 pass too. Values that the old object had are let through unseen.
 */
export function validateLegacyIp(
  path: FieldPath,
  value: string,
  options: { readonly strict: boolean; readonly validOld?: readonly string[] },
): readonly FieldError[] {
  if (options.validOld?.includes(value)) return [];
  return checkIp(path, value, options.strict).errors;
}

/** A subnet such as `10.0.0.0/24`: valid, in canonical form, no bits set beyond the prefix. */
export function validateCidr(path: FieldPath, value: string): readonly FieldError[] {
  const { network, errors } = checkCidr(path, value, true);
  if (network === undefined || errors.length > 0) return errors;
  return canonicalForm(path, value, formatNetwork(network));
}

/** A subnet in an older field; see validateLegacyIp. */
export function validateLegacyCidr(
  path: FieldPath,
  value: string,
  options: { readonly strict: boolean; readonly validOld?: readonly string[] },
): readonly FieldError[] {
  if (options.validOld?.includes(value)) return [];
  return checkCidr(path, value, options.strict).errors;
}

/** An interface's address with its subnet length, such as `10.0.0.5/24`. */
export function validateInterfaceAddress(path: FieldPath, value: string): readonly FieldError[] {
  const network = parseNetwork(value);
  if (network === undefined) {
    return [fieldInvalid(path, value, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)")];
  }
  return canonicalForm(path, value, `${formatIp(network.address)}/${network.prefixLength}`);
}

function checkIp(path: FieldPath, value: string, strict: boolean): { ip?: IpAddress; errors: FieldError[] } {
  const ip = parseIp(value);
  if (ip === undefined) {
    return { errors: [fieldInvalid(path, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")] };
  }
  const errors: FieldError[] = [];
  if (strict && ip.hasLeadingZeros) errors.push(fieldInvalid(path, value, "must not have leading 0s"));
  else if (strict && ip.isMapped) errors.push(fieldInvalid(path, value, "must not be an IPv4-mapped IPv6 address"));
  return { ip, errors };
}

function checkCidr(path: FieldPath, value: string, strict: boolean): { network?: IpNetwork; errors: FieldError[] } {
  const network = parseNetwork(value);
  if (network === undefined) {
    return { errors: [fieldInvalid(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")] };
  }
  const errors: FieldError[] = [];
  if (strict) {
    let detail: string | undefined;
    if (network.hasLeadingZeros) detail = "must not have leading 0s in IP or prefix length";
    else if (network.address.isMapped) detail = "must not have an IPv4-mapped IPv6 address";
    else if (network.hasHostBits) detail = "must not have bits set beyond the prefix length";
    if (detail !== undefined) errors.push(fieldInvalid(path, value, detail));
  }
  return { network, errors };
}

function canonicalForm(path: FieldPath, value: string, canonical: string): readonly FieldError[] {
  return value === canonical ? [] : [fieldInvalid(path, value, `must be in canonical form (${goQuote(canonical)})`)];
}
