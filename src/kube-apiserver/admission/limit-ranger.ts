import { Quantity } from "../../apimachinery/quantity.ts";
import type { Mutable } from "../../apimachinery/resource-type.ts";
import { aggregateMessages } from "../../apimachinery/validation/field-error.ts";
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { quantityArithmetic } from "../../component-helpers/quota/pod-evaluator.ts";
import { parseResourceList, type ResourceList } from "../../component-helpers/quota/resource-list.ts";
import { aggregatePod } from "../../component-helpers/resource/pod-requests.ts";
import { isPod, refuse } from "./refuse.ts";

const annotation = "kubernetes.io/limit-ranger";

/** Gives containers the requests and limits of their namespace's LimitRanges, and refuses pods and claims outside of them. */
export class LimitRanger implements AdmissionPlugin {
  readonly name = "LimitRanger";
  readonly #ranges: Pick<StorageLister<LimitRange>, "list">;

  constructor(ranges: Pick<StorageLister<LimitRange>, "list">) {
    this.#ranges = ranges;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE" || operation === "UPDATE";
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const { object } = attributes;
    // A pod's containers are given with it; later there is nothing left to fill in.
    if (!object || attributes.operation !== "CREATE" || !isPod(attributes)) return;
    for (const range of this.#ranges.list(attributes.namespace)) applyDefaults(range, object as Mutable<Pod>);
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { object, operation } = attributes;
    if (!object || object.metadata.deletionTimestamp) return;
    const isPodRequest =
      (isPod(attributes) && operation === "CREATE") || (isPod(attributes, "resize") && operation === "UPDATE");
    const isClaim =
      attributes.group === "" && attributes.resource === "persistentvolumeclaims" && attributes.subresource === "";
    if (!isPodRequest && !isClaim) return;
    for (const { spec } of this.#ranges.list(attributes.namespace)) {
      const problems = (spec.limits ?? []).flatMap((item) =>
        isClaim ? claimProblems(item, object as unknown as PersistentVolumeClaim) : podProblems(item, object as Pod),
      );
      if (problems.length > 0) throw refuse(attributes, aggregateMessages(problems));
    }
  }
}

/** Fills in what containers do not say, and notes in an annotation what was filled in. */
function applyDefaults(range: LimitRange, pod: Mutable<Pod>): void {
  const items = (range.spec.limits ?? []).filter((item) => item.type === "Container");
  const limits = Object.assign({}, ...items.map((item) => item.default)) as Record<string, string>;
  const requests = Object.assign({}, ...items.map((item) => item.defaultRequest)) as Record<string, string>;
  const notes = [
    ...(pod.spec.containers ?? []).flatMap((container) => fillIn(container, "container", requests, limits)),
    ...(pod.spec.initContainers ?? []).flatMap((container) => fillIn(container, "init container", requests, limits)),
  ];
  if (notes.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [annotation]: `LimitRanger plugin set: ${notes.join("; ")}`,
  };
}

function fillIn(
  container: Mutable<Container>,
  what: string,
  requests: Readonly<Record<string, string>>,
  limits: Readonly<Record<string, string>>,
): readonly string[] {
  return (["requests", "limits"] as const).flatMap((side) => {
    const defaults = side === "requests" ? requests : limits;
    const missing = Object.keys(defaults).filter((name) => container.resources?.[side]?.[name] === undefined);
    if (missing.length === 0) return [];
    const added = Object.fromEntries(missing.map((name) => [name, defaults[name] ?? "0"]));
    container.resources = { ...container.resources, [side]: { ...container.resources?.[side], ...added } };
    return [`${missing.sort().join(", ")} ${side === "requests" ? "request" : "limit"} for ${what} ${container.name}`];
  });
}

function podProblems(item: LimitRangeItem, pod: Pod): readonly string[] {
  if (item.type === "Container") {
    return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap(({ resources }) =>
      problems(item, parseResourceList(resources.requests), parseResourceList(resources.limits)),
    );
  }
  if (item.type !== "Pod") return [];
  const requests = aggregatePod(pod, "requests", quantityArithmetic);
  return problems(item, requests, aggregatePod(pod, "limits", quantityArithmetic));
}

/** A claim has requests alone, so both bounds are about them. */
function claimProblems(item: LimitRangeItem, claim: PersistentVolumeClaim): readonly string[] {
  if (item.type !== "PersistentVolumeClaim") return [];
  const requests = parseResourceList(claim.spec.resources.requests);
  return [
    ...each(item.min, (name, bound) => belowMinimum(item.type, name, bound, requests, new Map())),
    ...each(item.max, (name, bound) => {
      const usage = `maximum ${name} usage per ${item.type} is ${bound.toString()}`;
      const request = requests.get(name);
      if (!request) return `${usage}.  No request is specified`;
      return request.compare(bound) > 0 ? `${usage}, but request is ${request.toString()}` : undefined;
    }),
  ];
}

function problems(item: LimitRangeItem, requests: ResourceList, limits: ResourceList): readonly string[] {
  const { type } = item;
  return [
    ...each(item.min, (name, bound) => belowMinimum(type, name, bound, requests, limits)),
    ...each(item.max, (name, bound) => aboveMaximum(type, name, bound, requests, limits)),
    ...each(item.maxLimitRequestRatio, (name, bound) => aboveRatio(type, name, bound, requests, limits)),
  ];
}

function each(
  bounds: Readonly<Record<string, string>> | undefined,
  check: (name: string, bound: Quantity) => string | undefined,
): readonly string[] {
  return Object.entries(bounds ?? {}).flatMap(([name, bound]) => check(name, Quantity.parse(bound)) ?? []);
}

function belowMinimum(
  type: string,
  name: string,
  bound: Quantity,
  requests: ResourceList,
  limits: ResourceList,
): string | undefined {
  const usage = `minimum ${name} usage per ${type} is ${bound.toString()}`;
  const request = requests.get(name);
  const limit = limits.get(name);
  if (!request) return `${usage}.  No request is specified`;
  if (request.compare(bound) < 0) return `${usage}, but request is ${request.toString()}`;
  return limit && limit.compare(bound) < 0 ? `${usage}, but limit is ${limit.toString()}` : undefined;
}

function aboveMaximum(
  type: string,
  name: string,
  bound: Quantity,
  requests: ResourceList,
  limits: ResourceList,
): string | undefined {
  const usage = `maximum ${name} usage per ${type} is ${bound.toString()}`;
  const request = requests.get(name);
  const limit = limits.get(name);
  if (!limit) return `${usage}.  No limit is specified`;
  if (limit.compare(bound) > 0) return `${usage}, but limit is ${limit.toString()}`;
  return request && request.compare(bound) > 0 ? `${usage}, but request is ${request.toString()}` : undefined;
}

function aboveRatio(
  type: string,
  name: string,
  bound: Quantity,
  requests: ResourceList,
  limits: ResourceList,
): string | undefined {
  const rule = `${name} max limit to request ratio per ${type} is ${bound.toString()}`;
  const request = requests.get(name);
  const limit = limits.get(name);
  if (!request || request.isZero) return `${rule}, but no request is specified or request is 0`;
  if (!limit || limit.isZero) return `${rule}, but no limit is specified or limit is 0`;
  const ratio = limit.toApproximateNumber() / request.toApproximateNumber();
  return ratio > bound.toApproximateNumber() ? `${rule}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}
