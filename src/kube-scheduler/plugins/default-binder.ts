import { pods } from "../../api/resources.gen.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { Plugin } from "../framework/interface.ts";

/** Assigns the pod by creating its Binding. Upstream's DefaultBinder. */
export function defaultBinder(client: ApiClient): Plugin {
  return {
    name: "DefaultBinder",
    async bind(_state, { pod }, nodeName, signal) {
      const { name, namespace, uid } = pod.metadata;
      await client.resource(pods, namespace).createSubresource(
        name,
        "binding",
        {
          apiVersion: "v1",
          kind: "Binding",
          metadata: { name, namespace, uid },
          target: { apiVersion: "v1", kind: "Node", name: nodeName },
        },
        { signal },
      );
      return undefined;
    },
  };
}
