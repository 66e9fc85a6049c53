import type { PersistentVolumeClaim } from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { StorageClass } from "../../api/storage/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { storageClassOf } from "../../component-helpers/storage/volume-claims.ts";
import { refuse } from "./refuse.ts";

/** Lets a claim ask for more only when it is bound and its class says that its volumes can grow. */
export class PersistentVolumeClaimResize implements AdmissionPlugin {
  readonly name = "PersistentVolumeClaimResize";
  readonly #classes: Pick<StorageLister<StorageClass>, "list">;

  constructor(classes: Pick<StorageLister<StorageClass>, "list">) {
    this.#classes = classes;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "UPDATE";
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { group, resource, subresource, object, oldObject } = attributes;
    if (group !== "" || resource !== "persistentvolumeclaims" || subresource !== "" || !object || !oldObject) return;
    const claim = object as unknown as PersistentVolumeClaim;
    const old = oldObject as unknown as PersistentVolumeClaim;
    if (requestOf(claim).compare(requestOf(old)) <= 0) return;
    if (old.status.phase !== "Bound") throw refuse(attributes, "Only bound persistent volume claims can be expanded");
    if (this.#canGrow(storageClassOf(claim), storageClassOf(old))) return;
    throw refuse(
      attributes,
      "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
    );
  }

  #canGrow(className: string, oldName: string): boolean {
    if (className === "" || className !== oldName) return false;
    const found = this.#classes.list().find(({ metadata }) => metadata.name === className);
    return found?.allowVolumeExpansion === true;
  }
}

/** What cannot be parsed is for validation to refuse. */
function requestOf({ spec }: PersistentVolumeClaim): Quantity {
  return Quantity.tryParse(spec.resources.requests?.["storage"] ?? "0") ?? Quantity.zero;
}
