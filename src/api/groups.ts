import type { ApiVersionSchema } from "../apimachinery/schema/resource-schema.ts";
import { metaV1 } from "../apimachinery/meta/v1/resources.ts";
import { admissionV1 } from "./admission/v1/resources.ts";
import { admissionregistrationV1 } from "./admissionregistration/v1/resources.ts";
import { apidiscoveryV2 } from "./apidiscovery/v2/resources.ts";
import { apiextensionsV1 } from "./apiextensions/v1/resources.ts";
import { apiregistrationV1 } from "./apiregistration/v1/resources.ts";
import { appsV1 } from "./apps/v1/resources.ts";
import { authenticationV1 } from "./authentication/v1/resources.ts";
import { authorizationV1 } from "./authorization/v1/resources.ts";
import { autoscalingV1 } from "./autoscaling/v1/resources.ts";
import { autoscalingV2 } from "./autoscaling/v2/resources.ts";
import { batchV1 } from "./batch/v1/resources.ts";
import { certificatesV1 } from "./certificates/v1/resources.ts";
import { coordinationV1 } from "./coordination/v1/resources.ts";
import { coreV1 } from "./core/v1/resources.ts";
import { discoveryV1 } from "./discovery/v1/resources.ts";
import { eventsV1 } from "./events/v1/resources.ts";
import { flowcontrolV1 } from "./flowcontrol/v1/resources.ts";
import { metricsV1beta1 } from "./metrics/v1beta1/resources.ts";
import { networkingV1 } from "./networking/v1/resources.ts";
import { nodeV1 } from "./node/v1/resources.ts";
import { policyV1 } from "./policy/v1/resources.ts";
import { rbacV1 } from "./rbac/v1/resources.ts";
import { resourceV1 } from "./resource/v1/resources.ts";
import { schedulingV1 } from "./scheduling/v1/resources.ts";
import { storageV1 } from "./storage/v1/resources.ts";

/** Every served version, groups in discovery order, versions of a group by preference: the one list. */
export const apiVersions: readonly ApiVersionSchema[] = [
  apiregistrationV1,
  coreV1,
  appsV1,
  eventsV1,
  authenticationV1,
  authorizationV1,
  autoscalingV2,
  autoscalingV1,
  batchV1,
  certificatesV1,
  networkingV1,
  policyV1,
  rbacV1,
  storageV1,
  admissionregistrationV1,
  apiextensionsV1,
  schedulingV1,
  coordinationV1,
  nodeV1,
  discoveryV1,
  flowcontrolV1,
  resourceV1,
  metricsV1beta1,
];

/** Versions that serve no resource: their types are bodies of webhook calls, of discovery, and part of all kinds. */
export const typeOnlyVersions: readonly ApiVersionSchema[] = [metaV1, admissionV1, apidiscoveryV2];
