import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { admissionReviewTypes } from "./admission-review.ts";

export const admissionV1: ApiVersionSchema = {
  group: "admission.k8s.io",
  version: "v1",
  folder: "admission/v1",
  goPackage: "io.k8s.api.admission.v1",
  types: [admissionReviewTypes],
  resources: [],
};
