import type { ControllerDescriptor } from "../controller-runtime/controller.ts";
import { attachDetachController } from "./attach-detach/attach-detach-controller.ts";
import { certificateControllers } from "./certificates/certificate-controllers.ts";
import type { CertificateSigner } from "./certificates/certificate-signer.ts";
import { clusterRoleAggregationController } from "./clusterrole-aggregation/clusterrole-aggregation-controller.ts";
import { cronJobController } from "./cronjob/cron-job-controller.ts";
import { daemonSetController } from "./daemon/daemon-set-controller.ts";
import { deploymentController } from "./deployment/deployment-controller.ts";
import { disruptionController } from "./disruption/disruption-controller.ts";
import { endpointsController } from "./endpoints/endpoints-controller.ts";
import { endpointSliceController } from "./endpointslice/endpoint-slice-controller.ts";
import { endpointSliceMirroringController } from "./endpointslice-mirroring/endpoint-slice-mirroring-controller.ts";
import { ephemeralVolumeController } from "./ephemeral-volume/ephemeral-volume-controller.ts";
import { expandController } from "./volume-expand/expand-controller.ts";
import { garbageCollectorController } from "./garbage-collector/garbage-collector.ts";
import {
  horizontalPodAutoscalerController,
  type HorizontalPodAutoscalerOptions,
} from "./podautoscaler/horizontal-pod-autoscaler-controller.ts";
import { jobController } from "./job/job-controller.ts";
import { localPathProvisionerController } from "./local-path-provisioner/local-path-provisioner.ts";
import { namespaceController } from "./namespace/namespace-controller.ts";
import { nodeIpamController } from "./node-ipam/node-ipam-controller.ts";
import { nodeLifecycleController, type NodeLifecycleOptions } from "./node-lifecycle/node-lifecycle-controller.ts";
import { persistentVolumeBinderController } from "./persistentvolume/persistent-volume-binder.ts";
import { podGarbageCollectorController } from "./pod-gc/pod-gc-controller.ts";
import { replicaSetController } from "./replicaset/replica-set-controller.ts";
import { replicationController } from "./replicationcontroller/replication-controller.ts";
import { rootCaCertPublisher } from "./root-ca-publisher/root-ca-cert-publisher.ts";
import { serviceAccountsController } from "./serviceaccount/service-accounts-controller.ts";
import { serviceCidrController } from "./servicecidrs/service-cidr-controller.ts";
import { tokenCleanerController } from "./token-cleaner/token-cleaner-controller.ts";
import { statefulSetController } from "./statefulset/stateful-set-controller.ts";
import { taintEvictionController } from "./taint-eviction/taint-eviction-controller.ts";
import { ttlController } from "./ttl/ttl-controller.ts";
import { ttlAfterFinishedController } from "./ttlafterfinished/ttl-after-finished-controller.ts";
import { resourceQuotaController } from "./resourcequota/resource-quota-controller.ts";
import { validatingAdmissionPolicyStatusController } from "./validatingadmissionpolicystatus/validating-admission-policy-status-controller.ts";
import {
  attributesClassProtectionController,
  claimProtectionController,
  volumeProtectionController,
} from "./volume-protection/volume-protection-controllers.ts";

export interface KubeControllersOptions {
  /** PEM of the API server's CA, published in every namespace. */
  readonly rootCa: string;
  /** Signs what is approved in the CertificateSigningRequest API; without it nothing is approved or signed. */
  readonly certificateSigner?: CertificateSigner;
  /** Where nodes get the addresses of their pods from; undefined when something else gives them. */
  readonly clusterCidr?: string;
  readonly nodeLifecycle?: NodeLifecycleOptions;
  readonly horizontalPodAutoscaler?: HorizontalPodAutoscalerOptions;
  /** Where nodes keep the volumes of the class `local-path`; this cluster's alone. `/var/lib/k8ts/local-path` unless given. */
  readonly localPathDirectory?: string;
}

// Upstream's default of --terminated-pod-gc-threshold.
const terminatedPodsMax = 12_500;

/** The controllers of kube-controller-manager: the one list. Names, service accounts and rules are upstream's. */
export function kubeControllers(options: KubeControllersOptions): readonly ControllerDescriptor[] {
  return [
    deploymentController,
    replicaSetController,
    replicationController,
    jobController,
    daemonSetController,
    statefulSetController,
    cronJobController,
    ttlAfterFinishedController,
    ttlController,
    horizontalPodAutoscalerController(options.horizontalPodAutoscaler),
    disruptionController,
    endpointSliceController,
    endpointSliceMirroringController,
    endpointsController,
    serviceAccountsController,
    rootCaCertPublisher(options.rootCa),
    namespaceController,
    garbageCollectorController,
    podGarbageCollectorController(terminatedPodsMax),
    nodeLifecycleController(options.nodeLifecycle),
    clusterRoleAggregationController,
    serviceCidrController,
    tokenCleanerController,
    ...(options.certificateSigner ? certificateControllers(options.certificateSigner) : []),
    taintEvictionController,
    ...(options.clusterCidr === undefined ? [] : [nodeIpamController(options.clusterCidr)]),
    resourceQuotaController,
    claimProtectionController,
    volumeProtectionController,
    attributesClassProtectionController,
    ephemeralVolumeController,
    persistentVolumeBinderController,
    attachDetachController,
    expandController,
    validatingAdmissionPolicyStatusController,
    localPathProvisionerController(options.localPathDirectory ?? "/var/lib/k8ts/local-path"),
  ];
}
