import { forbidden } from "../../apimachinery/errors/new.ts";
import type { StatusError } from "../../apimachinery/errors/status-error.ts";
import type { AdmissionAttributes } from "../../apiserver/admission/admission-plugin.ts";

/** The Forbidden error of a plugin that says no; names what has no name yet by its generateName. */
export function refuse(attributes: AdmissionAttributes, why: string): StatusError {
  const name = attributes.name || attributes.object?.metadata.name || attributes.object?.metadata.generateName || "";
  return forbidden({ group: attributes.group, resource: attributes.resource }, name, why);
}

/** True for the main resource `pods` of the legacy group; `subresource` asks for that subresource instead. */
export function isPod(attributes: AdmissionAttributes, subresource = ""): boolean {
  return attributes.group === "" && attributes.resource === "pods" && attributes.subresource === subresource;
}
