import { goQuote } from "../../../../apimachinery/go-format.ts";
import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldForbidden } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import type { Pod } from "../../../../api/core/v1/types.gen.ts";
import type { SubresourceStrategy } from "../../../../apiserver/registry/rest/strategy.ts";
import { semanticEqual } from "../../../../component-helpers/semantic-equal.ts";
import { validatePodSpec } from "../../../validation/pod-spec.ts";

const path = FieldPath.of("spec", "ephemeralContainers");

/** pods/ephemeralcontainers: adds containers for debugging, and nothing else. */
export const ephemeralContainersStrategy: SubresourceStrategy<Pod> = {
  generation: "spec",

  prepareForUpdate(pod: Mutable<Pod>, old: Mutable<Pod>): void {
    const added = pod.spec.ephemeralContainers;
    pod.spec = { ...old.spec, ...(added ? { ephemeralContainers: added } : {}) };
    pod.status = old.status;
  },

  validateUpdate(pod: Pod, old: Pod): readonly FieldError[] {
    const errors = [...validatePodSpec(pod.spec, pod.metadata, FieldPath.of("spec"))];
    for (const before of old.spec.ephemeralContainers ?? []) {
      const after = pod.spec.ephemeralContainers?.find((container) => container.name === before.name);
      const name = goQuote(before.name);
      if (!after) errors.push(fieldForbidden(path, `existing ephemeral containers ${name} may not be removed\n`));
      else if (!semanticEqual(after, before)) {
        errors.push(fieldForbidden(path, `existing ephemeral containers ${name} may not be changed\n`));
      }
    }
    return errors;
  },
};
