import type { KubeObject } from "../../apimachinery/resource-type.ts";

/** What a create that makes no object of its own answers: a Status. */
export function statusSuccess(): KubeObject {
  const status = { apiVersion: "v1", kind: "Status", metadata: {}, status: "Success", code: 201 };
  return status;
}
