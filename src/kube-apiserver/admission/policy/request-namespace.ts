import { notFound } from "../../../apimachinery/errors/new.ts";
import type { Namespace } from "../../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes } from "../../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../../apiserver/registry/rest/registry-access.ts";

/** The namespace of what is asked for; undefined for what is in none, and for namespaces themselves. Throws NotFound. */
export function namespaceOf(
  { namespace, group, resource }: AdmissionAttributes,
  namespaces: Pick<StorageLister<Namespace>, "get">,
): Namespace | undefined {
  if (namespace === "" || (group === "" && resource === "namespaces")) return undefined;
  const found = namespaces.get("", namespace);
  if (!found) throw notFound({ group: "", resource: "namespaces" }, namespace);
  return found;
}
