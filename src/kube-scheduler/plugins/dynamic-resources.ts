import { skip, type Plugin } from "../framework/interface.ts";

const name = "DynamicResources";

/**
 * Differs from upstream: devices are not allocated. A pod with resource claims stays pending and its message says so; for
 * all others the plugin only speaks its part of upstream's FailedScheduling text.
 */
export const dynamicResources: Plugin = {
  name,
  preFilter(_state, { pod }) {
    if ((pod.spec.resourceClaims?.length ?? 0) === 0) return skip;
    return { code: "unresolvable", plugin: name, reason: "resource claims are not supported by this scheduler" };
  },
  postFilter: () => ({ message: "no new claims to deallocate" }),
};
