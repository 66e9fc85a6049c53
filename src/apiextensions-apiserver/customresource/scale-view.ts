import type { CustomResourceSubresourceScale } from "../../api/apiextensions/v1/types.gen.ts";
import { isJsonObject, ownMember, setMember } from "../../apimachinery/object.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import { type FieldError, fieldInvalid } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
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
    customPath: scale.specReplicasPath,
    read: (object) => {
      const replicas = valueAt(object, specPath);
      const selector = selectorPath && valueAt(object, selectorPath);
      return {
        replicas: replicas === undefined ? undefined : Number(replicas),
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

const int32Max = 2 ** 31 - 1;

/** What is wrong with the replicas an object says it wants and has. */
export function validateScaleFields(object: KubeObject, scale: CustomResourceSubresourceScale): FieldError[] {
  return [scale.specReplicasPath, scale.statusReplicasPath].flatMap((path) => {
    const replicas = valueAt(object, pathMembers(path));
    // The schema says what is no number.
    if (typeof replicas !== "number") return [];
    const error = (why: string): FieldError[] => [fieldInvalid(FieldPath.of(path), replicas, why)];
    if (replicas < 0) return error("should be a non-negative integer");
    return replicas > int32Max ? error(`should be less than or equal to ${int32Max}`) : [];
  });
}
