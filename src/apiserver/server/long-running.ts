import type { RequestInfo } from "../endpoints/request-info.ts";

const subresources: ReadonlySet<string> = new Set(["attach", "exec", "log", "portforward", "proxy"]);

/** Requests that may take as long as they like: no timeout, no share of the in-flight limits. */
export function isLongRunning(info: RequestInfo): boolean {
  return (
    info.verb === "watch" || info.verb === "proxy" || (info.isResourceRequest && subresources.has(info.subresource))
  );
}
