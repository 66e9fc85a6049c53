import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { ClientConfig } from "./webhook-client.ts";

/** The rules of where a webhook is, in configurations of all kinds. */
export function validateClientConfig({ url, service }: ClientConfig, path: FieldPath): readonly FieldError[] {
  if ((url === undefined) === (service === undefined)) {
    return [fieldRequired(path, "exactly one of url or service is required")];
  }
  if (service) {
    const at = path.child("service");
    const { port } = service;
    return [
      ...(service.name ? [] : [fieldRequired(at.child("name"), "service name is required")]),
      ...(service.namespace ? [] : [fieldRequired(at.child("namespace"), "service namespace is required")]),
      ...(port !== undefined && (port < 1 || port > 65_535)
        ? [fieldInvalid(at.child("port"), port, "port is not valid: must be between 1 and 65535, inclusive")]
        : []),
    ];
  }
  return validateUrl(url ?? "", path.child("url"));
}

function validateUrl(text: string, path: FieldPath): readonly FieldError[] {
  const form = "; desired format: https://host[/path]";
  const url = URL.parse(text);
  if (!url) return [fieldRequired(path, `url must be a valid URL${form}`)];
  const errors: FieldError[] = [];
  if (url.protocol !== "https:") {
    errors.push(fieldInvalid(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`));
  }
  if (url.host === "") errors.push(fieldInvalid(path, url.host, `host must be specified${form}`));
  if (url.username !== "" || url.password !== "") {
    errors.push(fieldInvalid(path, url.username, "user information is not permitted in the URL"));
  }
  if (url.hash !== "") errors.push(fieldInvalid(path, url.hash.slice(1), "fragments are not permitted in the URL"));
  if (url.search !== "") {
    errors.push(fieldInvalid(path, url.search.slice(1), "query parameters are not permitted in the URL"));
  }
  return errors;
}

/** Of admission reviews and of conversion reviews. */
const reviewVersions = ["v1", "v1beta1"];

/** A webhook has to speak a version of reviews that this server sends. */
export function validateReviewVersions(versions: readonly string[], path: FieldPath): readonly FieldError[] {
  if (versions.length === 0) return [fieldRequired(path, `must specify one of ${reviewVersions.join(", ")}`)];
  if (versions.some((version) => reviewVersions.includes(version))) return [];
  return [fieldInvalid(path, versions, `must include at least one of ${reviewVersions.join(", ")}`)];
}
