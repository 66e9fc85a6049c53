import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { parseGoUrl } from "../../apimachinery/go-url.ts";
import { validateDns1035Label, validateDns1123Subdomain } from "../../apimachinery/validation/names.ts";
import type { ClientConfig } from "./webhook-client.ts";

/** The rules of where a webhook is, in configurations of all kinds. */
export function validateClientConfig({ url, service }: ClientConfig, path: FieldPath): readonly FieldError[] {
  if ((url === undefined) === (service === undefined)) {
    return [fieldRequired(path, "exactly one of url or service is required")];
  }
  return service ? validateService(service, path.child("service")) : validateUrl(url ?? "", path.child("url"));
}

function validateService(service: NonNullable<ClientConfig["service"]>, path: FieldPath): readonly FieldError[] {
  const { name, namespace, port } = service;
  const errors: FieldError[] = [];
  // As upstream, which takes one for the other.
  if (!namespace) errors.push(fieldRequired(path.child("name")));
  if (!name) errors.push(fieldRequired(path.child("namespace")));
  if (port !== undefined && (port < 1 || port > 65_535))
    errors.push(fieldInvalid(path.child("port"), port, "port is not valid: must be between 1 and 65535, inclusive"));
  errors.push(...validatePath(service.path ?? "", path.child("path")));
  return errors;
}

function validatePath(text: string, path: FieldPath): readonly FieldError[] {
  if (text === "" || text === "/") return [];
  const error = (detail: string): FieldError => fieldInvalid(path, text, detail);
  if (text === "//") return [error("segment[0] may not be empty")];
  const errors = text.startsWith("/") ? [] : [error("must start with a '/'")];
  for (const [i, step] of text.slice(1).replace(/\/$/, "").split("/").entries())
    if (step === "") errors.push(error(`segment[${i}] may not be empty`));
    else errors.push(...validateDns1123Subdomain(step).map((message) => error(`segment[${i}]: ${message}`)));
  return errors;
}

function validateUrl(text: string, path: FieldPath): readonly FieldError[] {
  const form = "; desired format: https://host[/path]";
  const url = parseGoUrl(text);
  if ("error" in url) return [fieldRequired(path, `url must be a valid URL: ${url.error}${form}`)];
  const { scheme, host, user, fragment, query } = url;
  const errors: FieldError[] = [];
  const error = (value: string, detail: string): void => void errors.push(fieldInvalid(path, value, detail));
  if (scheme !== "https") error(scheme, `'https' is the only allowed URL scheme${form}`);
  if (host === "") error(host, `host must be specified${form}`);
  if (user !== undefined) error(user, "user information is not permitted in the URL");
  if (fragment !== "") error(fragment, "fragments are not permitted in the URL");
  if (query !== "") error(query, "query parameters are not permitted in the URL");
  return errors;
}

/** Whose certificates the caller would trust has to be readable; none at all is as good. */
export function validateCaBundle({ caBundle = "" }: ClientConfig, path: FieldPath | undefined): readonly FieldError[] {
  if (caBundle === "" || /-----BEGIN [^-]+-----[^]*-----END /.test(utf8Decode(base64Decode(caBundle)))) return [];
  return [fieldInvalid(path, caBundle, "unable to load root certificates: unable to parse bytes as PEM block")];
}

/** Of admission reviews and of conversion reviews: those this server sends. */
export const reviewVersions: readonly string[] = ["v1", "v1beta1"];

/** A webhook has to speak a version of reviews that this server sends, unless it `allowsUnknown`. */
export function validateReviewVersions(
  versions: readonly string[],
  path: FieldPath,
  { missing = "", allowsUnknown = false }: { readonly missing?: string; readonly allowsUnknown?: boolean } = {},
): readonly FieldError[] {
  if (versions.length === 0) return [fieldRequired(path, missing)];
  const errors = versions.flatMap((version, i) =>
    versions.indexOf(version) < i
      ? [fieldInvalid(path.index(i), version, "duplicate version")]
      : validateDns1035Label(version).map((message) => fieldInvalid(path.index(i), version, message)),
  );
  if (!allowsUnknown && !versions.some((version) => reviewVersions.includes(version)))
    errors.push(fieldInvalid(path, versions, `must include at least one of ${reviewVersions.join(", ")}`));
  return errors;
}
