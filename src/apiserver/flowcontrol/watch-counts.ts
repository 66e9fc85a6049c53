import type { RequestInfo } from "../endpoints/request-info.ts";

const readVerbs: ReadonlySet<string> = new Set(["get", "list", "watch", "proxy"]);

/**
 * How many watches are told of a change, for the estimate of its work. Kubelets' watches of the pods of one node do not
 * count: one of them hears of a pod.
 */
export class WatchCounts {
  readonly #counts = new Map<string, number>();

  /** Counts a watch until what is returned is called. */
  register(info: RequestInfo, query: URLSearchParams): () => void {
    if (info.resource === "pods" && watchesOneNode(query.get("fieldSelector"))) return () => {};
    const key = keyOf(info, info.namespace, info.name);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return () => {
      const count = (this.#counts.get(key) ?? 0) - 1;
      if (count > 0) this.#counts.set(key, count);
      else this.#counts.delete(key);
    };
  }

  /** The watches of the resource, of its namespace and of the object itself that a change is told to. */
  interestedIn(info: RequestInfo): number {
    if (readVerbs.has(info.verb)) return 0;
    let count = this.#counts.get(keyOf(info, "", "")) ?? 0;
    if (info.namespace !== "") count += this.#counts.get(keyOf(info, info.namespace, "")) ?? 0;
    if (info.name !== "") count += this.#counts.get(keyOf(info, info.namespace, info.name)) ?? 0;
    return count;
  }
}

function keyOf({ apiGroup, resource }: RequestInfo, namespace: string, name: string): string {
  return `${apiGroup}/${resource}/${namespace}/${name}`;
}

function watchesOneNode(fieldSelector: string | null): boolean {
  if (fieldSelector === null || fieldSelector === "") return false;
  return /(?:^|,)spec\.nodeName==?[^=,!]/.test(fieldSelector);
}
