import type { Container, Pod, ResourceFieldSelector } from "../../api/core/v1/types.gen.ts";
import { ceilDivide, nanoValue } from "../api/quantities.ts";

/** What the downward API may tell beside the pod's own metadata and spec. */
export interface DownwardFacts {
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  readonly allocatable: Readonly<Record<string, string>>;
}

/** Labels or annotations as a file: one `key="value"` a line, sorted. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${quote(map?.[key] ?? "")}`)
    .join("\n");
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/** The value of a `fieldRef`. Throws on a path the downward API does not have. */
export function fieldValue(pod: Pod, fieldPath: string, facts: DownwardFacts): string {
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (subscript) {
    const map = subscript[1] === "labels" ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[subscript[2] ?? ""] ?? "";
  }
  switch (fieldPath) {
    case "metadata.name":
      return pod.metadata.name;
    case "metadata.namespace":
      return pod.metadata.namespace;
    case "metadata.uid":
      return pod.metadata.uid;
    case "metadata.labels":
      return formatMap(pod.metadata.labels);
    case "metadata.annotations":
      return formatMap(pod.metadata.annotations);
    case "spec.nodeName":
      return pod.spec.nodeName ?? "";
    case "spec.serviceAccountName":
      return pod.spec.serviceAccountName ?? "";
    case "spec.restartPolicy":
      return pod.spec.restartPolicy ?? "";
    case "status.hostIP":
      return facts.hostIps[0] ?? "";
    case "status.hostIPs":
      return facts.hostIps.join(",");
    case "status.podIP":
      return facts.podIps[0] ?? "";
    case "status.podIPs":
      return facts.podIps.join(",");
    default:
      throw new Error(`unsupported fieldPath: ${fieldPath}`);
  }
}

/** The value of a `resourceFieldRef`, divided and rounded up; a limit that is not set is the pod's, or what the node can give. */
export function resourceFieldValue(
  selector: ResourceFieldSelector,
  pod: Pod,
  container: Container,
  facts: DownwardFacts,
): string {
  const match = /^(limits|requests)\.(.+)$/.exec(selector.resource);
  if (!match) throw new Error(`unsupported container resource : ${selector.resource}`);
  const [, which, name = ""] = match;
  const set = (which === "limits" ? container.resources?.limits : container.resources?.requests)?.[name];
  const isDefaulted = which === "limits" && (name === "cpu" || name === "memory" || name === "ephemeral-storage");
  const candidates = isDefaulted ? [set, pod.spec.resources?.limits?.[name], facts.allocatable[name]] : [set];
  const value = candidates.map((q) => nanoValue(q ?? "0") ?? 0n).find((v) => v !== 0n) ?? 0n;
  const divisor = nanoValue(selector.divisor || "1") ?? 0n;
  return String(ceilDivide(value, divisor > 0n ? divisor : 1_000_000_000n));
}
