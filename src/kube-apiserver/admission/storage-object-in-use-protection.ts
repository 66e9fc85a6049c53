import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import {
  attributesClassProtection,
  claimProtection,
  volumeProtection,
} from "../../component-helpers/storage/volume-claims.ts";

const finalizers: ReadonlyMap<string, string> = new Map([
  ["/persistentvolumeclaims", claimProtection],
  ["/persistentvolumes", volumeProtection],
  ["storage.k8s.io/volumeattributesclasses", attributesClassProtection],
]);

/** Claims, volumes and classes of volume attributes stay, when they are deleted, until nobody uses them: the protection controllers take this off. */
export class StorageObjectInUseProtection implements AdmissionPlugin {
  readonly name = "StorageObjectInUseProtection";

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE";
  }

  async admit({ group, resource, subresource, object }: AdmissionAttributes): Promise<void> {
    const finalizer = subresource === "" ? finalizers.get(`${group}/${resource}`) : undefined;
    if (!finalizer || !object || object.metadata.finalizers?.includes(finalizer)) return;
    object.metadata.finalizers = [...(object.metadata.finalizers ?? []), finalizer];
  }
}
