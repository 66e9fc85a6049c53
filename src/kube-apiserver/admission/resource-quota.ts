import { resourceQuotas } from "../../api/resources.gen.ts";
import type { ResourceQuota as Quota } from "../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { RegistryAccess } from "../../apiserver/registry/rest/registry-access.ts";
import type { RequestContext } from "../../apiserver/registry/rest/strategy.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { QuotaEvaluator } from "../../component-helpers/quota/evaluator.ts";
import { quotaEvaluator } from "../../component-helpers/quota/evaluators.ts";
import { isInScopes } from "../../component-helpers/quota/quota-scopes.ts";
import {
  addResources,
  exceededResources,
  excessOver,
  formatResources,
  maskResources,
  parseResourceList,
  resourceListToJson,
  withoutZeros,
  type ResourceList,
} from "../../component-helpers/quota/resource-list.ts";
import { refuse } from "./refuse.ts";

// Events come and go by themselves and would make every quota busy.
const ignored: ReadonlySet<string> = new Set(["/events", "events.k8s.io/events", "/namespaces"]);

/** What one request adds to one quota. */
interface Charge {
  readonly quota: Quota;
  readonly delta: ResourceList;
}

/**
 * Refuses what would exceed a namespace's quotas, and charges them for the rest. A charge is a compare-and-swap of the
 * quota's status, decided on its newest state: of two requests for the last free unit, one is refused, in this process or
 * another. What is charged and then not stored after all is given back by the resourcequota controller.
 */
export class ResourceQuota implements AdmissionPlugin {
  readonly name = "ResourceQuota";
  readonly #registry: () => RegistryAccess;
  readonly #clock: Clock;

  constructor(options: { readonly registry: () => RegistryAccess; readonly clock: Clock }) {
    this.#registry = options.registry;
    this.#clock = options.clock;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE" || operation === "UPDATE";
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { group, resource, subresource, namespace, operation, object, oldObject } = attributes;
    if (namespace === "" || !object || ignored.has(`${group}/${resource}`)) return;
    if (operation !== "CREATE" && operation !== "UPDATE") return;
    const quotas = this.#registry().lister(resourceQuotas).list(namespace);
    if (quotas.length === 0) return;
    const evaluator = quotaEvaluator(group, resource);
    if (!evaluator.handles(operation, subresource, object, oldObject)) return;
    const charges = this.#charges(attributes, quotas, evaluator);
    // All are looked at before the first is charged, so that a refusal mostly leaves nothing to be given back.
    for (const { quota, delta } of charges) usedAfter(attributes, quota, delta);
    if (attributes.dryRun) return;
    for (const charge of charges) await this.#charge(attributes, charge);
  }

  #charges(
    attributes: AdmissionAttributes,
    quotas: readonly Quota[],
    evaluator: QuotaEvaluator<unknown>,
  ): readonly Charge[] {
    const { object, oldObject } = attributes;
    const now = this.#clock.now();
    const charges: Charge[] = [];
    for (const quota of quotas) {
      const limited = Object.keys(quota.status.hard ?? {}).filter((name) => evaluator.concerns(name));
      if (limited.length === 0 || !isInScopes(quota, evaluator, object)) continue;
      const missing = evaluator.missing?.(limited, object);
      if (missing !== undefined) throw refuse(attributes, `failed quota: ${quota.metadata.name}: ${missing}`);
      if (limited.some((name) => quota.status.used?.[name] === undefined)) {
        const names = [...limited].sort().join(",");
        throw refuse(attributes, `status unknown for quota: ${quota.metadata.name}, resources: ${names}`);
      }
      let usage = evaluator.usage(object, now);
      const negative = [...usage].filter(([, quantity]) => quantity.sign < 0).map(([name]) => name);
      if (negative.length > 0) {
        throw refuse(attributes, `quota usage is negative for resource(s): ${negative.sort().join(",")}`);
      }
      // What the object had before is charged already, if it was in the quota's scopes then.
      if (oldObject && isInScopes(quota, evaluator, oldObject)) {
        usage = excessOver(usage, evaluator.usage(oldObject, now));
      }
      const delta = withoutZeros(maskResources(usage, limited));
      if (delta.size > 0) charges.push({ quota, delta });
    }
    return charges;
  }

  async #charge(attributes: AdmissionAttributes, { quota, delta }: Charge): Promise<void> {
    const { namespace, name } = quota.metadata;
    try {
      await this.#registry()
        .resource(resourceQuotas)
        .update(
          namespace,
          name,
          (current) => {
            const used = usedAfter(attributes, current, delta);
            current.status.used = resourceListToJson(used);
          },
          this.#context(namespace),
          { subresource: "status" },
        );
    } catch (error) {
      // Deleted meanwhile: it limits nothing any more.
      if (!isNotFound(error)) throw error;
    }
  }

  #context(namespace: string): RequestContext {
    const user = { name: "system:apiserver", groups: ["system:masters"] };
    return { user, namespace, nowMs: this.#clock.now(), dryRun: false, warn: () => {} };
  }
}

/** Usage with the charge. Throws Forbidden when it is more than the quota allows. */
function usedAfter(attributes: AdmissionAttributes, quota: Quota, delta: ResourceList): ResourceList {
  const hard = parseResourceList(quota.status.hard);
  const used = parseResourceList(quota.status.used);
  const requested = maskResources(delta, hard.keys());
  const after = addResources(used, requested);
  const exceeded = exceededResources(maskResources(after, requested.keys()), hard);
  if (exceeded.length > 0) {
    const show = (list: ResourceList): string => formatResources(maskResources(list, exceeded));
    throw refuse(
      attributes,
      `exceeded quota: ${quota.metadata.name}, requested: ${show(requested)}, used: ${show(used)}, limited: ${show(hard)}`,
    );
  }
  return after;
}
