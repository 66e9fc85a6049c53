import type { CustomResourceSubresourceScale } from "../../api/apiextensions/v1/types.gen.ts";
import { internalError } from "../../apimachinery/errors/new.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { isJsonObject, ownMember, setMember } from "../../apimachinery/object.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import type { ScaleView } from "../../apiserver/registry/generic/resource-registration.ts";

/** `.spec.replicas` → its members from the root of the object. */
function pathMembers(path: string): readonly string[] {
  return path.replace(/^\./, "").split(".");
}

/** Scale over the fields a definition names. */
export function customScaleView(scale: CustomResourceSubresourceScale): ScaleView {
  const specPath = pathMembers(scale.specReplicasPath);
  const statusPath = pathMembers(scale.statusReplicasPath);
  const selectorPath = scale.labelSelectorPath === undefined ? undefined : pathMembers(scale.labelSelectorPath);
  return {
    replicasPath: specPath,
    read: (object) => {
      const replicas = valueAt(object, specPath);
      if (replicas === undefined)
        throw internalError(new Error(`the spec replicas field ${goQuote(scale.specReplicasPath)} does not exist`));
      const selector = selectorPath && valueAt(object, selectorPath);
      return {
        replicas: Number(replicas),
        statusReplicas: Number(valueAt(object, statusPath) ?? 0),
        selector: typeof selector === "string" ? selector : "",
      };
    },
    write: (object, replicas) => {
      let at = object as unknown as Record<string, unknown>;
      for (const name of specPath.slice(0, -1)) {
        const next = ownMember(at, name);
        const inner = isJsonObject(next) ? next : {};
        if (inner !== next) setMember(at, name, inner);
        at = inner;
      }
      setMember(at, specPath.at(-1) ?? "", replicas);
    },
  };
}

function valueAt(object: KubeObject, path: readonly string[]): unknown {
  let at: unknown = object;
  for (const name of path) {
    if (!isJsonObject(at)) return undefined;
    at = ownMember(at, name);
  }
  return at;
}

/** The number of replicas wanted, when there is one. */
export function replicasAt(object: KubeObject, path: string): number | undefined {
  const replicas = valueAt(object, pathMembers(path));
  return typeof replicas === "number" ? replicas : undefined;
}
