import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";

// Objects that would have an effect in upstream and have none here must say so: a warning where the object is harmless
// without it.

const notEnforced: Readonly<Record<string, string>> = {
  "admissionregistration.k8s.io/mutatingadmissionpolicies": "MutatingAdmissionPolicies",
  "admissionregistration.k8s.io/mutatingadmissionpolicybindings": "MutatingAdmissionPolicyBindings",
  "admissionregistration.k8s.io/validatingadmissionpolicies": "ValidatingAdmissionPolicies",
  "admissionregistration.k8s.io/validatingadmissionpolicybindings": "ValidatingAdmissionPolicyBindings",
};

/** The strategies of kinds whose effect is missing, by `group/resource`. */
export const gaps: Readonly<Record<string, Strategy>> = Object.fromEntries(
  Object.entries(notEnforced).map(([key, what]) => [key, warning(what)] as const),
);

/** A strategy with what is said about its kind's missing effect. */
export function withGap(key: string, strategy: Strategy): Strategy {
  return { ...strategy, ...gaps[key] };
}

function warning(what: string): Strategy {
  return { warningsOnCreate: () => [`${what} are stored but not enforced by this server yet`] };
}
