import { conflict } from "../../apimachinery/errors/new.ts";
import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { PriorityClass } from "../../api/scheduling/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { systemPriorityClasses } from "../registry/other-strategies.ts";
import { isPod, refuse } from "./refuse.ts";

/** Resolves a pod's priority class to the number the scheduler compares, and allows one default class only. */
export class Priority implements AdmissionPlugin {
  readonly name = "Priority";
  readonly #classes: Pick<StorageLister<PriorityClass>, "get" | "list">;

  constructor(classes: Pick<StorageLister<PriorityClass>, "get" | "list">) {
    this.#classes = classes;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation !== "CONNECT";
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    if (!isPod(attributes) || !attributes.object) return;
    const pod = attributes.object as Mutable<Pod>;
    if (attributes.operation === "UPDATE") {
      const old = attributes.oldObject as Pod | undefined;
      // A client that does not know the field must not clear it.
      if (pod.spec.priority === undefined && old?.spec.priority !== undefined) pod.spec.priority = old.spec.priority;
      if (pod.spec.preemptionPolicy === undefined && old?.spec.preemptionPolicy !== undefined) {
        pod.spec.preemptionPolicy = old.spec.preemptionPolicy;
      }
      return;
    }
    this.#resolve(attributes, pod);
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    if (attributes.group !== "scheduling.k8s.io" || attributes.resource !== "priorityclasses") return;
    if (attributes.operation === "DELETE") {
      if (!systemPriorityClasses.some(({ name }) => name === attributes.name)) return;
      throw refuse(attributes, "this is a system priority class and cannot be deleted");
    }
    const added = attributes.object as PriorityClass | undefined;
    if (!added?.globalDefault) return;
    const other = this.#defaultClass();
    if (!other || other.metadata.name === added.metadata.name) return;
    const why = `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`;
    throw conflict({ group: "scheduling.k8s.io", resource: "priorityclasses" }, added.metadata.name, why);
  }

  #resolve(attributes: AdmissionAttributes, pod: Mutable<Pod>): void {
    const { spec } = pod;
    let resolved: PriorityClass | undefined;
    if (spec.priorityClassName) {
      resolved = this.#classes.get("", spec.priorityClassName);
      if (!resolved) throw refuse(attributes, `no PriorityClass with name ${spec.priorityClassName} was found`);
    } else {
      resolved = this.#defaultClass();
      if (resolved) spec.priorityClassName = resolved.metadata.name;
    }
    const priority = resolved?.value ?? 0;
    const policy = resolved?.preemptionPolicy === "Never" ? "Never" : "PreemptLowerPriority";
    const computed = "priority admission controller computed";
    if (spec.priority !== undefined && spec.priority !== priority) {
      throw refuse(
        attributes,
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; ${computed} ${priority} from the given PriorityClass name`,
      );
    }
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
      throw refuse(
        attributes,
        `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; ${computed} ${policy} from the given PriorityClass name`,
      );
    }
    spec.priority = priority;
    spec.preemptionPolicy = policy;
  }

  /** Of several defaults, which a race could make, the least. */
  #defaultClass(): PriorityClass | undefined {
    return this.#classes
      .list()
      .filter((candidate) => candidate.globalDefault)
      .reduce<PriorityClass | undefined>(
        (least, each) => (least && least.value <= each.value ? least : each),
        undefined,
      );
  }
}
