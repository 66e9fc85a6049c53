import { validateDns1123Label, validateDns1123Subdomain } from "../../apimachinery/validation/names.ts";

type Check = (text: string) => boolean;

const matches =
  (regexp: RegExp): Check =>
  (text) =>
    regexp.test(text);

const uuid = (version: string): Check =>
  matches(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, "i"));

/** The formats that are checked, by upstream's names without dashes. Others say something to readers only. */
const formats: Readonly<Record<string, Check>> = {
  bsonobjectid: matches(/^[0-9a-fA-F]{24}$/),
  byte: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
  cidr: isCidr,
  creditcard: matches(/^[0-9]{13,19}$/),
  date: isDate,
  datetime: isDateTime,
  duration: isDuration,
  email: matches(/^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/),
  hexcolor: matches(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  hostname: (text) => text.length <= 255 && validateDns1123Subdomain(text.toLowerCase()).length === 0,
  ipv4: isIpv4,
  ipv6: isIpv6,
  isbn10: matches(/^(?:[0-9]-?){9}[0-9X]$/),
  isbn13: matches(/^(?:[0-9]-?){13}$/),
  isbn: matches(/^(?:(?:[0-9]-?){9}[0-9X]|(?:[0-9]-?){13})$/),
  k8slongname: (text) => validateDns1123Subdomain(text).length === 0,
  k8sshortname: (text) => validateDns1123Label(text).length === 0,
  mac: matches(/^(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/),
  rgbcolor: matches(/^rgb\(\s*[0-9]{1,3}\s*,\s*[0-9]{1,3}\s*,\s*[0-9]{1,3}\s*\)$/),
  ssn: matches(/^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$/),
  uri: isUri,
  uuid: uuid("[0-9a-f]"),
  uuid3: uuid("3"),
  uuid4: uuid("4"),
  uuid5: uuid("5"),
};

/** True for values of formats that are not known, too. */
export function hasFormat(text: string, format: string): boolean {
  const name = format.replaceAll("-", "");
  return !Object.hasOwn(formats, name) || (formats[name]?.(text) ?? true);
}

/** Formats that are known and take any text. */
const unchecked = new Set(["password"]);

/** Whether values of the type are ever checked for the format. */
export function isKnownFormat(format: string, type: string): boolean {
  switch (type) {
    case "":
    case "string": {
      const name = format.replaceAll("-", "");
      return Object.hasOwn(formats, name) || unchecked.has(name);
    }
    case "integer":
      return format === "int32" || format === "int64";
    case "number":
      return format === "float" || format === "double";
    default:
      return false;
  }
}

function isDate(text: string): boolean {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text);
  if (!match) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isDateTime(text: string): boolean {
  const match =
    /^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})$/.exec(
      text,
    );
  return match?.[1] !== undefined && isDate(match[1]);
}

/** Go's durations, and words: `3 days`. */
function isDuration(text: string): boolean {
  if (/^[+-]?(?:0|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return true;
  return /^(?:[0-9]+\s*(?:ns|us|µs|ms|s|m|h|d|w|nanos?|micros?|millis?|milliseconds?|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?|wks?)\s*)+$/.test(
    text,
  );
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  if (!text.includes(":") || /%/.test(text)) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let count = 0;
  for (const [i, half] of halves.entries()) {
    if (half === "") continue;
    const parts = half.split(":");
    for (const [j, part] of parts.entries()) {
      const isLast = i === halves.length - 1 && j === parts.length - 1;
      if (isLast && part.includes(".")) {
        if (!isIpv4(part)) return false;
        count += 2;
      } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) count++;
      else return false;
    }
  }
  return halves.length === 2 ? count < 8 : count === 8;
}

function isCidr(text: string): boolean {
  const [address = "", bits = "", more] = text.split("/");
  if (more !== undefined || !/^(?:0|[1-9][0-9]{0,2})$/.test(bits)) return false;
  return (isIpv4(address) && Number(bits) <= 32) || (isIpv6(address) && Number(bits) <= 128);
}

function isUri(text: string): boolean {
  return /^(?:[A-Za-z][A-Za-z0-9+.-]*:|\/)[^\s]*$/.test(text) && !/%(?![0-9A-Fa-f]{2})/.test(text);
}
