/** Defaults of resource.k8s.io/v1 that are no single value. */
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { DeviceSubRequest, ExactDeviceRequest } from "./types.gen.ts";

export function exactCount(request: Mutable<ExactDeviceRequest | DeviceSubRequest>): void {
  if (request.allocationMode === "ExactCount") request.count ??= 1;
}
