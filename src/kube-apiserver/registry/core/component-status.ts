import type { ComponentStatus } from "../../../api/core/v1/types.gen.ts";
import { notFound } from "../../../apimachinery/errors/new.ts";
import type { ResourceReader } from "../../../apiserver/registry/rest/resource-reader.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { matchesFields } from "../../../apiserver/storage/selection.ts";
import { errorText } from "../../../component-base/logger.ts";

/** What a component answered when it was asked how it is. */
export interface ComponentHealth {
  readonly isHealthy: boolean;
  /** Its words, or why there are none. */
  readonly message: string;
}

/** Asks one component; takes no longer than upstream's 20 s. Rejecting means that nobody knows. */
export type ComponentProbe = () => Promise<ComponentHealth>;

/** The state of components, by name, found out when somebody asks. Deprecated; upstream's clients look elsewhere. */
export function componentStatusReader(probes: Readonly<Record<string, ComponentProbe>>): ResourceReader {
  return {
    async get(_, name) {
      const probe = Object.hasOwn(probes, name) ? probes[name] : undefined;
      // The name in it is upstream's.
      if (!probe) throw notFound({ group: "", resource: "componentstatus" }, name);
      return statusOf(name, probe);
    },
    async list({ labels, fields = [] }) {
      const names = Object.keys(probes).filter((name) =>
        matchesFields(fields, (field) => (field === "metadata.name" ? name : "")),
      );
      if (labels && !labels.matches({})) return [];
      return Promise.all(names.sort().map((name) => statusOf(name, probes[name])));
    },
  };
}

async function statusOf(name: string, probe: ComponentProbe | undefined): Promise<ComponentStatus> {
  const object = { kind: "ComponentStatus", apiVersion: "v1", metadata: { name } } as const;
  const condition = { type: "Healthy" } as const;
  try {
    const { isHealthy, message } = (await probe?.()) ?? { isHealthy: false, message: "" };
    const told = message === "" ? {} : { message };
    return { ...object, conditions: [{ ...condition, status: isHealthy ? "True" : "False", ...told }] };
  } catch (error) {
    return { ...object, conditions: [{ ...condition, status: "Unknown", error: errorText(error) }] };
  }
}

export const componentStatusStrategy: Strategy<ComponentStatus> = {
  tableCells: ({ metadata, conditions }) => {
    const health = conditions?.find(({ type }) => type === "Healthy");
    const status = health ? (health.status === "True" ? "Healthy" : "Unhealthy") : "Unknown";
    return [metadata?.name ?? "", status, health?.message ?? "", health?.error ?? ""];
  },
};
