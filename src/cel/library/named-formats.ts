import {
  validateDns1035Label,
  validateDns1123Label,
  validateDns1123Subdomain,
  validateLabelValue,
  validateQualifiedName,
} from "../../apimachinery/validation/names.ts";
import { parseTimestamp } from "./temporal.ts";

type Check = (text: string) => readonly string[];

/** What is no name by itself may be the beginning of one: a trailing hyphen is followed by more. */
const asPrefix =
  (check: Check): Check =>
  (text) =>
    check(text.length > 1 && text.endsWith("-") ? `${text.slice(0, -1)}a` : text);

const test =
  (pattern: RegExp, message: string): Check =>
  (text) =>
    pattern.test(text) ? [] : [message];

/** Texts that `format.NAME()` can check: what is wrong with one, nothing when it is fine. */
export const namedFormats: Readonly<Record<string, Check>> = {
  dns1123Label: validateDns1123Label,
  dns1123Subdomain: validateDns1123Subdomain,
  dns1035Label: validateDns1035Label,
  qualifiedName: validateQualifiedName,
  dns1123LabelPrefix: asPrefix(validateDns1123Label),
  dns1123SubdomainPrefix: asPrefix(validateDns1123Subdomain),
  dns1035LabelPrefix: asPrefix(validateDns1035Label),
  labelValue: validateLabelValue,
  uri: (text) =>
    // oxlint-disable-next-line no-control-regex -- Go refuses control characters anywhere.
    /^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?\/[^\s\x00-\x1f\x7f]*$/.test(text)
      ? []
      : [`parse ${JSON.stringify(text)}: ${text === "" ? "empty url" : "invalid URI for request"}`],
  uuid: test(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i, "does not match the UUID format"),
  byte: test(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, "invalid base64"),
  date: (text) => (parseTimestamp(`${text}T00:00:00Z`) && /^\d{4}-\d\d-\d\d$/.test(text) ? [] : ["invalid date"]),
  datetime: (text) => (parseTimestamp(text) ? [] : ["invalid datetime"]),
};
