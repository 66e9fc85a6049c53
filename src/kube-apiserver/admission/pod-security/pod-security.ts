import type { Namespace, Pod, PodTemplateSpec } from "../../../api/core/v1/types.gen.ts";
import { invalid } from "../../../apimachinery/errors/new.ts";
import { controllerOf } from "../../../apimachinery/object.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import { formatGroupResource } from "../../../apimachinery/group-version.ts";
import { aggregateMessages, formatFieldError } from "../../../apimachinery/validation/field-error.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../../apiserver/registry/rest/registry-access.ts";
import type { Counter, MetricRegistry } from "../../../component-base/metrics.ts";
import { refuse } from "../refuse.ts";
import {
  isPrivileged,
  isSame,
  isStricter,
  labelPrefix,
  type LevelVersion,
  levelVersionText,
  type Mode,
  type Policy,
  policyOf,
  versionText,
} from "./levels.ts";
import { type CheckedPod, type Violation, violations, violationsText } from "./standards.ts";

export interface PodSecurityOptions {
  readonly namespaces: Pick<StorageLister<Namespace>, "get">;
  readonly pods: Pick<StorageLister<Pod>, "list">;
  readonly metrics: MetricRegistry;
  /** The minor version of the API server; standards of later ones are counted as `future`. */
  readonly minorVersion: number;
}

/** What a pod can be asked for that changes nothing the standards look at. */
const ignoredSubresources: ReadonlySet<string> = new Set([
  "exec",
  "attach",
  "binding",
  "eviction",
  "log",
  "portforward",
  "proxy",
  "status",
]);

/** Where a kind has the pods it makes. */
const templates: Readonly<Record<string, (object: KubeObject) => PodTemplateSpec | undefined>> = {
  podtemplates: (object) => (object as { template?: PodTemplateSpec }).template,
  "cronjobs.batch": (object) =>
    (object as { spec?: { jobTemplate?: { spec?: { template?: PodTemplateSpec } } } }).spec?.jobTemplate?.spec
      ?.template,
  ...Object.fromEntries(
    [
      "replicationcontrollers",
      "replicasets.apps",
      "deployments.apps",
      "statefulsets.apps",
      "daemonsets.apps",
      "jobs.batch",
    ].map((resource) => [
      resource,
      (object: KubeObject) => (object as { spec?: { template?: PodTemplateSpec } }).spec?.template,
    ]),
  ),
};

/** When a namespace becomes stricter, so many of its pods are looked at. */
const podsCheckedMax = 3_000;

const evaluationsHelp = "[ALPHA] Number of policy evaluations that occurred, not counting ignored or exempt requests.";
const errorsHelp =
  "[ALPHA] Number of errors preventing normal evaluation. Non-fatal errors may result in the latest restricted profile being used for evaluation.";
const requestLabels = ["request_operation", "resource", "subresource"];

/**
 * Holds pods to the Pod Security Standards, at the level the labels of their namespace ask for. What makes pods is never
 * refused for them, but its user is warned.
 */
export class PodSecurity implements AdmissionPlugin {
  readonly name = "PodSecurity";
  readonly #options: PodSecurityOptions;
  readonly #evaluations: Counter;
  readonly #errors: Counter;

  constructor(options: PodSecurityOptions) {
    this.#options = options;
    const { metrics } = options;
    const labels = ["decision", "policy_level", "policy_version", "mode", ...requestLabels];
    this.#evaluations = metrics.counter("pod_security_evaluations_total", evaluationsHelp, labels);
    this.#errors = metrics.counter("pod_security_errors_total", errorsHelp, ["fatal", ...requestLabels]);
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE" || operation === "UPDATE";
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { object, subresource } = attributes;
    const resource = formatGroupResource(attributes);
    if (!object) return;
    if (resource === "namespaces") {
      if (subresource === "") this.#validateNamespace(attributes, object as Namespace);
    } else if (resource === "pods") {
      if (!ignoredSubresources.has(subresource)) this.#validatePod(attributes, object as Pod);
    } else if (Object.hasOwn(templates, resource) && subresource === "") {
      this.#validateTemplate(attributes, templates[resource]?.(object));
    }
  }

  #validateNamespace(attributes: AdmissionAttributes, namespace: Namespace): void {
    const { name, labels } = namespace.metadata;
    const { policy, errors } = policyOf(labels);
    const before = attributes.operation === "UPDATE" ? policyOf(attributes.oldObject?.metadata.labels) : undefined;
    // What has been wrong may stay wrong while somebody else changes something else.
    if (errors.length > 0 && JSON.stringify(errors) !== JSON.stringify(before?.errors)) {
      throw invalid({ group: "", kind: "Namespace" }, attributes.name || name, errors);
    }
    if (!before) return;
    const { enforce } = policy;
    const old = before.policy.enforce;
    if (isSame(enforce, old) || isPrivileged(enforce)) return;
    if (enforce.version === old.version && !isStricter(enforce.level, old.level)) return;
    for (const text of this.#warningsOf(name, enforce)) attributes.warn(text);
  }

  /** What the pods that are there already do beyond a level. */
  #warningsOf(namespace: string, enforce: LevelVersion): readonly string[] {
    const all = oneOfEachFirst(this.#options.pods.list(namespace));
    const checked = all.slice(0, podsCheckedMax);
    const podsByText = new Map<string, string[]>();
    for (const pod of checked) {
      const text = violations(checkedPod(pod), enforce)
        .map(({ reason }) => reason)
        .join(", ");
      if (text !== "") podsByText.set(text, [...(podsByText.get(text) ?? []), pod.metadata.name]);
    }
    const texts = [...podsByText].map(([text, names]) => {
      const others = names.length - 1;
      const and = others === 0 ? "" : ` (and ${others} other ${others === 1 ? "pod" : "pods"})`;
      return `${names.toSorted()[0]}${and}: ${text}`;
    });
    const level = levelVersionText(enforce);
    return [
      ...(checked.length < all.length
        ? [
            `new PodSecurity enforce level only checked against the first ${checked.length} of ${all.length} existing pods`,
          ]
        : []),
      ...(texts.length > 0
        ? [`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${level}"`]
        : []),
      ...texts.toSorted(),
    ];
  }

  #validatePod(attributes: AdmissionAttributes, pod: Pod): void {
    const { policy, isWrong } = this.#policy(attributes);
    if (!isWrong && Object.values(policy).every(isPrivileged)) {
      attributes.annotate(`${labelPrefix}enforce-policy`, "privileged:latest");
      this.#count(attributes, "allow", policy.enforce, "enforce");
      return;
    }
    if (attributes.operation === "UPDATE" && !isSignificant(pod, attributes.oldObject as Pod)) return;
    this.#evaluate(attributes, policy, checkedPod(pod), ["enforce", "audit", "warn"]);
  }

  #validateTemplate(attributes: AdmissionAttributes, template: PodTemplateSpec | undefined): void {
    const { policy, isWrong } = this.#policy(attributes);
    if (!template || (!isWrong && isPrivileged(policy.warn) && isPrivileged(policy.audit))) return;
    this.#evaluate(attributes, policy, checkedPod(template), ["audit", "warn"]);
  }

  #policy(attributes: AdmissionAttributes): { readonly policy: Policy; readonly isWrong: boolean } {
    const { policy, errors } = policyOf(this.#options.namespaces.get("", attributes.namespace)?.metadata.labels);
    if (errors.length === 0) return { policy, isWrong: false };
    const text = aggregateMessages(errors.map(formatFieldError));
    attributes.annotate(`${labelPrefix}error`, `Failed to parse policy: ${text}`);
    this.#errors.inc("false", ...requestValues(attributes));
    return { policy, isWrong: true };
  }

  #evaluate(attributes: AdmissionAttributes, policy: Policy, pod: CheckedPod, modes: readonly Mode[]): void {
    const known = new Map<string, readonly Violation[]>();
    const found = (mode: Mode): readonly Violation[] => {
      const level = levelVersionText(policy[mode]);
      const violated = known.get(level) ?? violations(pod, policy[mode]);
      known.set(level, violated);
      return violated;
    };
    const told = (mode: Mode, verb: string): string =>
      `${verb} PodSecurity "${levelVersionText(policy[mode])}": ${violationsText(found(mode))}`;
    const isEnforced = modes.includes("enforce");
    const isRefused = isEnforced && found("enforce").length > 0;
    if (isEnforced) {
      attributes.annotate(`${labelPrefix}enforce-policy`, levelVersionText(policy.enforce));
      this.#count(attributes, isRefused ? "deny" : "allow", policy.enforce, "enforce");
    }
    if (found("audit").length > 0) {
      attributes.annotate(`${labelPrefix}audit-violations`, told("audit", "would violate"));
      this.#count(attributes, "deny", policy.audit, "audit");
    }
    if (isRefused) throw refuse(attributes, told("enforce", "violates"));
    if (found("warn").length > 0) {
      attributes.warn(told("warn", "would violate"));
      this.#count(attributes, "deny", policy.warn, "warn");
    }
  }

  #count(attributes: AdmissionAttributes, decision: string, { level, version }: LevelVersion, mode: Mode): void {
    const isLatest = version === Infinity || level === "privileged";
    const told = isLatest ? "latest" : version > this.#options.minorVersion ? "future" : versionText(version);
    this.#evaluations.inc(decision, level, told, mode, ...requestValues(attributes));
  }
}

function requestValues(attributes: AdmissionAttributes): readonly string[] {
  const { operation, resource, subresource } = attributes;
  const told = resource === "pods" ? "pod" : resource === "namespaces" ? "namespace" : "controller";
  return [operation.toLowerCase(), told, subresource];
}

function checkedPod({ metadata, spec }: Pod | PodTemplateSpec): CheckedPod {
  return { annotations: metadata?.annotations ?? {}, spec };
}

/** The standards look at what cannot change, but for images that come with other settings in mind, and new containers. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const images = ({ spec }: Pod): string =>
    JSON.stringify([spec.containers.map(({ image }) => image), (spec.initContainers ?? []).map(({ image }) => image)]);
  if (images(pod) !== images(old)) return true;
  const known = new Map(old.spec.ephemeralContainers?.map(({ name, image }) => [name, image]));
  return (pod.spec.ephemeralContainers ?? []).some(({ name, image }) => !known.has(name) || known.get(name) !== image);
}

/** The first pod of each controller before its others, which are alike. */
function oneOfEachFirst(pods: readonly Pod[]): readonly Pod[] {
  const seen = new Set<string>();
  const first: Pod[] = [];
  const others: Pod[] = [];
  for (const pod of pods) {
    const owner = controllerOf(pod)?.uid;
    (owner !== undefined && seen.has(owner) ? others : first).push(pod);
    if (owner !== undefined) seen.add(owner);
  }
  return [...first, ...others];
}
