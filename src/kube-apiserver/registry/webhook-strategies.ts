import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Subdomain } from "../../apimachinery/validation/names.ts";
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  WebhookClientConfig,
} from "../../api/admissionregistration/v1/types.gen.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { webhookConfigurationCells } from "../printers/others.ts";
import { syntax } from "../validation/common.ts";
import { validateLabelSelector } from "../validation/label-selector.ts";

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

export const webhookConfigurationStrategy: Strategy<Configuration> = {
  generation: "object",
  validate: validateConfiguration,
  validateUpdate: validateConfiguration,
  tableCells: webhookConfigurationCells,
};

function validateConfiguration({ webhooks = [] }: Configuration): readonly FieldError[] {
  const seen = new Set<string>();
  return webhooks.flatMap((hook, i) => {
    const path = FieldPath.of("webhooks").index(i);
    const duplicate = seen.has(hook.name) ? [fieldDuplicate(path.child("name"), hook.name)] : [];
    seen.add(hook.name);
    return [...duplicate, ...validateWebhook(hook, path)];
  });
}

function validateWebhook(hook: MutatingWebhook | ValidatingWebhook, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [...validateName(hook.name, path.child("name"))];
  for (const [i, rule] of (hook.rules ?? []).entries()) {
    errors.push(...validateRule(rule, path.child("rules").index(i)));
  }
  if (!hook.sideEffects) {
    errors.push(fieldRequired(path.child("sideEffects"), "must specify one of None, NoneOnDryRun"));
  } else if (hook.sideEffects !== "None" && hook.sideEffects !== "NoneOnDryRun") {
    errors.push(fieldNotSupported(path.child("sideEffects"), hook.sideEffects, ["None", "NoneOnDryRun"]));
  }
  const { timeoutSeconds } = hook;
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30)) {
    const why = "the timeout value must be between 1 and 30 seconds";
    errors.push(fieldInvalid(path.child("timeoutSeconds"), timeoutSeconds, why));
  }
  errors.push(
    ...validateLabelSelector(hook.namespaceSelector, path.child("namespaceSelector")),
    ...validateLabelSelector(hook.objectSelector, path.child("objectSelector")),
    ...validateClientConfig(hook.clientConfig, path.child("clientConfig")),
    ...validateReviewVersions(hook.admissionReviewVersions ?? [], path.child("admissionReviewVersions")),
  );
  if ((hook.matchConditions?.length ?? 0) > 0) {
    // Ignoring them would call the webhook for requests it does not expect.
    errors.push(fieldForbidden(path.child("matchConditions"), "match conditions are not supported by this server yet"));
  }
  return errors;
}

function validateName(name: string, path: FieldPath): readonly FieldError[] {
  if (name === "") return [fieldRequired(path)];
  const errors = syntax(path, name, validateDns1123Subdomain(name));
  if (errors.length > 0) return errors;
  const isQualified = name.split(".").length >= 3;
  return isQualified
    ? []
    : [fieldInvalid(path, name, "should be a domain with at least three segments separated by dots")];
}

function validateRule(rule: RuleWithOperations, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["operations", "apiGroups", "apiVersions", "resources"] as const) {
    const values: readonly string[] = rule[field] ?? [];
    const at = path.child(field);
    if (values.length === 0) errors.push(fieldRequired(at));
    else if (values.length > 1 && values.includes("*")) {
      const what = field === "operations" ? "operations" : field === "apiGroups" ? "groups" : "versions";
      if (field !== "resources")
        errors.push(
          fieldInvalid(
            at,
            values,
            `if '*' is present, must not specify other ${field === "operations" ? what : `API ${what}`}`,
          ),
        );
    }
    if (field !== "apiGroups") {
      for (const [i, value] of values.entries()) if (value === "") errors.push(fieldRequired(at.index(i)));
    }
  }
  return errors;
}

function validateClientConfig({ url, service }: WebhookClientConfig, path: FieldPath): readonly FieldError[] {
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

const reviewVersions = ["v1", "v1beta1"];

function validateReviewVersions(versions: readonly string[], path: FieldPath): readonly FieldError[] {
  if (versions.length === 0) return [fieldRequired(path, `must specify one of ${reviewVersions.join(", ")}`)];
  if (versions.some((version) => reviewVersions.includes(version))) return [];
  return [fieldInvalid(path, versions, `must include at least one of ${reviewVersions.join(", ")}`)];
}
