import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Subdomain, validateHttpPath } from "../../apimachinery/validation/names.ts";
import { syntax } from "./common.ts";

/** The name of a controller, `example.com/its-name`. */
export function validateDomainPrefixedPath(path: FieldPath, value: string): readonly FieldError[] {
  if (value === "") return [fieldRequired(path)];
  const slash = value.indexOf("/");
  if (slash <= 0 || slash === value.length - 1) {
    return [fieldInvalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  const [host, rest] = [value.slice(0, slash), value.slice(slash + 1)];
  return [...syntax(path, host, validateDns1123Subdomain(host)), ...syntax(path, rest, validateHttpPath(rest))];
}
