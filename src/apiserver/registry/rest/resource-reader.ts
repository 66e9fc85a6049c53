import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import type { Selection } from "../../storage/selection.ts";
import type { RegistryAccess } from "./registry-access.ts";

/** Answers reads of a kind that is not stored but computed when somebody asks. Objects returned are the caller's to keep, not to change. */
export interface ResourceReader {
  /** Rejects with NotFound. `namespace` is "" for cluster-scoped kinds. */
  get(namespace: string, name: string, registry: RegistryAccess): Promise<KubeObject>;
  /** All that the selection is about, in order of their names. */
  list(selection: Selection, registry: RegistryAccess): Promise<readonly KubeObject[]>;
}
