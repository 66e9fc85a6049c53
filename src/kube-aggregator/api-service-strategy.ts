import type { APIService } from "../api/apiregistration/v1/types.gen.ts";
import type { FieldError } from "../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../apimachinery/validation/field-error.ts";
import { FieldPath } from "../apimachinery/validation/field-path.ts";
import {
  validateDns1035Label,
  validateDns1123Subdomain,
  validatePathSegmentName,
  validatePortNumber,
} from "../apimachinery/validation/names.ts";
import type { Strategy } from "../apiserver/registry/rest/strategy.ts";
import { base64Decode } from "../component-base/bytes.ts";
import { apiServiceName, localAvailability, setAvailability } from "./api-service.ts";

const spec = FieldPath.of("spec");
const groupPriorityMax = 20_000;
const versionPriorityMax = 1000;

export const apiServiceStrategy: Strategy<APIService> = {
  generation: "none",
  allowUnconditionalUpdate: false,
  prepareForCreate(object, { nowMs }) {
    object.status = {};
    // Whoever waits for it need not wait.
    if (!object.spec.service) setAvailability(object, localAvailability, nowMs);
  },
  validateName: (name) => validatePathSegmentName(name),
  validate,
  validateUpdate: validate,
};

function validate({ metadata, spec: own }: APIService): readonly FieldError[] {
  const { group = "", version = "", service, caBundle, insecureSkipTLSVerify } = own;
  const errors: FieldError[] = [];
  const check = (path: FieldPath, value: unknown, messages: readonly string[]): void => {
    for (const message of messages) errors.push(fieldInvalid(path, value, message));
  };
  const name = apiServiceName({ group, version });
  if (metadata.name !== name) {
    const why = `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`;
    errors.push(fieldInvalid(FieldPath.of("metadata", "name"), metadata.name, why));
  }
  if (group === "" && version !== "v1") {
    const why = "only v1 may have an empty group and it better be legacy kube";
    errors.push(fieldRequired(spec.child("group"), why));
  }
  if (group !== "") check(spec.child("group"), group, validateDns1123Subdomain(group));
  check(spec.child("version"), version, validateDns1035Label(version));
  for (const [field, max] of [
    ["groupPriorityMinimum", groupPriorityMax],
    ["versionPriority", versionPriorityMax],
  ] as const) {
    const value = own[field];
    if (!(value > 0 && value <= max)) check(spec.child(field), value, [`must be positive and less than ${max}`]);
  }
  if (!service) {
    if (caBundle) {
      const size = `${base64Decode(caBundle).length} bytes`;
      errors.push(fieldInvalid(spec.child("caBundle"), size, "local APIServices may not have a caBundle"));
    }
    if (insecureSkipTLSVerify) {
      const why = "local APIServices may not have insecureSkipTLSVerify";
      errors.push(fieldInvalid(spec.child("insecureSkipTLSVerify"), true, why));
    }
    return errors;
  }
  const at = spec.child("service");
  if (!service.namespace) errors.push(fieldRequired(at.child("namespace")));
  if (!service.name) errors.push(fieldRequired(at.child("name")));
  const { port = 0 } = service;
  const problems = validatePortNumber(port);
  if (problems.length > 0)
    errors.push(fieldInvalid(at.child("port"), port, `port is not valid: ${problems.join(", ")}`));
  if (insecureSkipTLSVerify && caBundle) {
    const why = "may not be true if caBundle is present";
    errors.push(fieldInvalid(spec.child("insecureSkipTLSVerify"), true, why));
  }
  return errors;
}
