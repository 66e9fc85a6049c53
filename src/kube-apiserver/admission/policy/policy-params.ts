import type { ParamKind, ParamRef } from "../../../api/admissionregistration/v1/types.gen.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import type { RegistryAccess } from "../../../apiserver/registry/rest/registry-access.ts";
import { labelMatcher } from "../../../component-helpers/label-selector.ts";

/** The policy or its binding is not configured as it would have to be. */
export class PolicyConfigurationError extends Error {
  readonly subject: "policy" | "binding";

  constructor(subject: "policy" | "binding", why: string) {
    super(`failed to configure ${subject}: ${why}`);
    this.subject = subject;
  }
}

/**
 * What a binding refers to, once for each evaluation of its policy: undefined is an evaluation without parameters. Throws
 * PolicyConfigurationError.
 */
export async function paramsOf(
  kind: ParamKind | undefined,
  ref: ParamRef | undefined,
  namespace: string,
  registry: Pick<RegistryAccess, "served">,
): Promise<readonly (KubeObject | undefined)[]> {
  if (!kind || !ref) return [undefined];
  const { apiVersion = "", kind: name = "" } = kind;
  const served = registry.served(apiVersion, name);
  if (!served)
    throw new PolicyConfigurationError(
      "policy",
      `failed to find resource referenced by paramKind: '${formatGroupVersionKind(apiVersion, name)}'`,
    );
  const { namespaced } = served.resource;
  if (!namespaced && ref.namespace)
    throw new PolicyConfigurationError(
      "binding",
      "paramRef.namespace must not be provided for a cluster-scoped `paramKind`",
    );
  const within = namespaced ? (ref.namespace ?? "") || namespace : "";
  if (namespaced && within === "")
    throw new PolicyConfigurationError(
      "binding",
      "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources",
    );
  const found = await selected(ref, within, served);
  if (found.length === 0 && ref.parameterNotFoundAction === "Deny")
    throw new PolicyConfigurationError(
      "binding",
      "no params found for policy binding with `Deny` parameterNotFoundAction",
    );
  return found;
}

async function selected(
  { name, selector }: ParamRef,
  namespace: string,
  served: NonNullable<ReturnType<RegistryAccess["served"]>>,
): Promise<readonly KubeObject[]> {
  if (name) {
    const object = await served.get(namespace, name);
    return object ? [object] : [];
  }
  if (!selector) throw new PolicyConfigurationError("binding", "one of name or selector must be provided");
  const matches = labelMatcher(selector);
  return (await served.list(namespace)).filter(({ metadata }) => matches(metadata.labels));
}

function formatGroupVersionKind(apiVersion: string, kind: string): string {
  return `${apiVersion}, Kind=${kind}`;
}
