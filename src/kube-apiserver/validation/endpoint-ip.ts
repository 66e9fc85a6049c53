import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { parseIp } from "../../apimachinery/validation/ip-address.ts";

/** An address traffic of a Service may be sent to: another host's, not this one's. */
export function validateEndpointIp(path: FieldPath, text: string): readonly FieldError[] {
  const ip = parseIp(text);
  if (!ip) return [fieldInvalid(path, text, "must be a valid IP address")];
  return rangeOf(ip.family, ip.value, text).map((why) => fieldInvalid(path, text, why));
}

function rangeOf(family: 4 | 6, value: bigint, text: string): readonly string[] {
  const why: string[] = [];
  const starts = (bits: bigint, prefix: bigint): boolean => value >> ((family === 4 ? 32n : 128n) - bits) === prefix;
  if (value === 0n) why.push(`may not be unspecified (${text})`);
  if (family === 4 ? starts(8n, 127n) : value === 1n) {
    why.push("may not be in the loopback range (127.0.0.0/8, ::1/128)");
  }
  if (family === 4 ? starts(16n, 0xa9fen) : starts(10n, 0x3fan)) {
    why.push("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
  }
  // The lowest four bits of the second octet are the multicast scope.
  if (family === 4 ? starts(24n, 0xe00000n) : starts(8n, 0xffn) && ((value >> 112n) & 0xfn) === 2n) {
    why.push("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
  }
  return why;
}
