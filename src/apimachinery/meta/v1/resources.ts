import type { ApiVersionSchema } from "../../schema/resource-schema.ts";
import { descriptions } from "./descriptions.ts";
import { commonTypes } from "./common.ts";
import { discoveryTypes } from "./discovery.ts";
import { objectMetaTypes } from "./object-meta.ts";
import { optionsTypes } from "./options.ts";
import { statusTypes } from "./status.ts";
import { tableTypes } from "./table.ts";

/** Types every group shares. They belong to group "" in no path; `meta.k8s.io` names Table and PartialObjectMetadata only. */
export const metaV1: ApiVersionSchema = {
  group: "meta.k8s.io",
  version: "v1",
  folder: "meta/v1",
  goPackage: "io.k8s.apimachinery.pkg.apis.meta.v1",
  types: [objectMetaTypes, optionsTypes, statusTypes, tableTypes, discoveryTypes, commonTypes],
  descriptions,
  resources: [],
};
