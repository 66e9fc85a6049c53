import type { ComponentStatus } from "../../api/core/v1/types.gen.ts";
import { leases } from "../../api/resources.gen.ts";
import { notFound } from "../../apimachinery/errors/new.ts";
import { parseTime } from "../../apimachinery/time.ts";
import type { RegistryAccess } from "../../apiserver/registry/rest/registry-access.ts";
import type { ResourceReader } from "../../apiserver/registry/rest/resource-reader.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { matchesFields } from "../../apiserver/storage/selection.ts";
import type { Clock } from "../../component-base/clock.ts";

/** By the names of their leases in kube-system. */
const components: Readonly<Record<string, string>> = {
  "controller-manager": "kube-controller-manager",
  scheduler: "kube-scheduler",
};

interface ComponentOptions {
  readonly clock: Clock;
  /** Why the store cannot be used; undefined when it can. */
  readonly storeProblem: () => string | undefined;
}

/**
 * Reads of `componentstatuses`, which upstream has long deprecated.
 *
 * Differs from upstream: components are not asked, they may be anywhere; they are well while their lease is held. Those that
 * run without one are not told of.
 */
export function componentStatusReader({ clock, storeProblem }: ComponentOptions): ResourceReader {
  const statuses = (registry: RegistryAccess): readonly ComponentStatus[] => {
    const store = statusOf("etcd-0", storeProblem());
    const held = Object.entries(components).flatMap(([name, leaseName]) => {
      const lease = registry.lister(leases).get("kube-system", leaseName);
      if (!lease) return [];
      const { renewTime = "", leaseDurationSeconds = 0 } = lease.spec;
      const endMs = (parseTime(renewTime) ?? 0) + leaseDurationSeconds * 1000;
      return [statusOf(name, clock.now() <= endMs ? undefined : `nobody holds the lease kube-system/${leaseName}`)];
    });
    return [...held, store].toSorted(({ metadata: { name: a = "" } }, { metadata: { name: b = "" } }) =>
      a < b ? -1 : 1,
    );
  };
  return {
    async get(_namespace, name, registry) {
      const found = statuses(registry).find(({ metadata }) => metadata.name === name);
      if (!found) throw notFound({ group: "", resource: "componentstatus" }, name);
      return found;
    },
    async list({ labels, fields = [] }, registry) {
      return statuses(registry).filter(
        ({ metadata }) =>
          (!labels || labels.matches({})) &&
          matchesFields(fields, (field) => (field === "metadata.name" ? (metadata.name ?? "") : "")),
      );
    },
  };
}

function statusOf(name: string, problem: string | undefined): ComponentStatus {
  const status = problem === undefined ? "True" : "False";
  return {
    kind: "ComponentStatus",
    apiVersion: "v1",
    metadata: { name },
    conditions: [{ type: "Healthy", status, message: problem ?? "ok" }],
  };
}

export const componentStatusStrategy: Strategy<ComponentStatus> = {
  tableCells: ({ metadata: { name = "" }, conditions }) => {
    const healthy = conditions?.find(({ type }) => type === "Healthy");
    const status = healthy ? (healthy.status === "True" ? "Healthy" : "Unhealthy") : "Unknown";
    return [name, status, healthy?.message ?? "", healthy?.error ?? ""];
  },
};
