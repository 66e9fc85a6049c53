import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { RuntimeClass as RuntimeClassObject } from "../../api/node/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { isPod, refuse } from "./refuse.ts";

type Amounts = Readonly<Record<string, string>>;

/** Adds what a pod's RuntimeClass costs, and where it runs, to the pod. */
export class RuntimeClass implements AdmissionPlugin {
  readonly name = "RuntimeClass";
  readonly #classes: Pick<StorageLister<RuntimeClassObject>, "get">;

  constructor(classes: Pick<StorageLister<RuntimeClassObject>, "get">) {
    this.#classes = classes;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE";
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    if (!isPod(attributes) || !attributes.object) return;
    const pod = attributes.object as Mutable<Pod>;
    const found = this.#find(attributes, pod);
    const overhead = found?.overhead?.podFixed;
    if (overhead) {
      if (pod.spec.overhead && !sameAmounts(overhead, pod.spec.overhead)) throw mismatch(attributes);
      pod.spec.overhead = { ...overhead };
    }
    if (found?.scheduling) this.#schedule(attributes, pod, found.scheduling);
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    if (!isPod(attributes) || !attributes.object) return;
    const pod = attributes.object as Pod;
    const overhead = this.#find(attributes, pod)?.overhead?.podFixed;
    if (overhead && !sameAmounts(overhead, pod.spec.overhead ?? {})) throw mismatch(attributes);
    if (!overhead && Object.keys(pod.spec.overhead ?? {}).length > 0) {
      throw refuse(attributes, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
    }
  }

  #find(attributes: AdmissionAttributes, { spec }: Mutable<Pod> | Pod): RuntimeClassObject | undefined {
    if (!spec.runtimeClassName) return undefined;
    const found = this.#classes.get("", spec.runtimeClassName);
    if (!found) throw refuse(attributes, `pod rejected: RuntimeClass "${spec.runtimeClassName}" not found`);
    return found;
  }

  #schedule(
    attributes: AdmissionAttributes,
    { spec }: Mutable<Pod>,
    scheduling: NonNullable<RuntimeClassObject["scheduling"]>,
  ): void {
    const nodeSelector = scheduling.nodeSelector ?? {};
    for (const [key, value] of Object.entries(nodeSelector)) {
      const own = spec.nodeSelector?.[key];
      if (own !== undefined && own !== value) {
        throw refuse(
          attributes,
          `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
        );
      }
    }
    if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
    const present = spec.tolerations ?? [];
    const added = (scheduling.tolerations ?? []).filter((each) => !present.some((own) => semanticEqual(own, each)));
    if (added.length > 0) spec.tolerations = [...present, ...added.map((each) => ({ ...each }))];
  }
}

function mismatch(attributes: AdmissionAttributes): Error {
  return refuse(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
}

function sameAmounts(a: Amounts, b: Amounts): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) => Quantity.parse(a[name] ?? "0").equals(Quantity.parse(b[name] ?? "0")) && Object.hasOwn(b, name),
    )
  );
}
