import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { PersistentVolumeClaim } from "../../api/core/v1/types.gen.ts";
import type { StorageClass } from "../../api/storage/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { defaultStorageClass, hasStorageClass } from "../../component-helpers/storage/volume-claims.ts";

/** Gives a claim that names no class, not even the empty one, the default class. */
export class DefaultStorageClass implements AdmissionPlugin {
  readonly name = "DefaultStorageClass";
  readonly #classes: Pick<StorageLister<StorageClass>, "list">;

  constructor(classes: Pick<StorageLister<StorageClass>, "list">) {
    this.#classes = classes;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE";
  }

  async admit({ group, resource, subresource, object }: AdmissionAttributes): Promise<void> {
    if (group !== "" || resource !== "persistentvolumeclaims" || subresource !== "" || !object) return;
    const claim = object as unknown as Mutable<PersistentVolumeClaim>;
    if (hasStorageClass(claim)) return;
    const found = defaultStorageClass(this.#classes.list());
    if (found) claim.spec.storageClassName = found.metadata.name;
  }
}
