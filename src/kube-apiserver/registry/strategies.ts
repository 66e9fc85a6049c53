import { certificateSigningRequestStrategy } from "./certificate-signing-request-strategy.ts";
import { definitionStrategy } from "../../apiextensions-apiserver/definition/strategy.ts";
import { apiServiceStrategy } from "../../kube-aggregator/api-service-strategy.ts";
import { apiServiceCells } from "../printers/others.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import {
  controllerRevisionStrategy,
  daemonSetStrategy,
  deploymentStrategy,
  replicaSetStrategy,
  statefulSetStrategy,
} from "./apps/strategies.ts";
import { cronJobStrategy, jobStrategy } from "./batch/strategies.ts";
import { componentStatusStrategy } from "./core/component-status.ts";
import { configMapStrategy, secretStrategy, serviceAccountStrategy } from "./core/config-strategies.ts";
import { endpointsStrategy } from "./core/endpoints-strategy.ts";
import { eventStrategy } from "./core/event-strategy.ts";
import { limitRangeStrategy, resourceQuotaStrategy } from "./core/limit-strategies.ts";
import { namespaceStrategy } from "./core/namespace-strategy.ts";
import { nodeStrategy } from "./core/node-strategy.ts";
import { podStrategy } from "./core/pod/strategy.ts";
import { podTemplateStrategy, replicationControllerStrategy } from "./core/replication-controller-strategy.ts";
import type { ServiceAllocators } from "./core/service/strategy.ts";
import { serviceStrategy } from "./core/service/strategy.ts";
import { persistentVolumeClaimStrategy } from "./core/persistent-volume-claim-strategy.ts";
import { persistentVolumeStrategy } from "./core/persistent-volume-strategy.ts";
import { nodeMetricsStrategy, podMetricsStrategy } from "./metrics.ts";
import { flowSchemaStrategy, priorityLevelConfigurationStrategy } from "./flow-control-strategies.ts";
import { ingressClassStrategy, ingressStrategy } from "./ingress-strategies.ts";
import { networkPolicyStrategy } from "./network-policy-strategy.ts";
import { endpointSliceStrategy, ipAddressStrategy, serviceCidrStrategy } from "./network-strategies.ts";
import {
  leaseStrategy,
  podDisruptionBudgetStrategy,
  printedStrategies,
  priorityClassStrategy,
} from "./other-strategies.ts";
import {
  clusterRoleBindingStrategy,
  clusterRoleStrategy,
  roleBindingStrategy,
  roleStrategy,
} from "./rbac/strategies.ts";
import type { AdmissionEnvironments } from "../admission/expressions/admission-environment.ts";
import { admissionPolicyStrategies } from "./admission-policy-strategies.ts";
import { resourceStrategies } from "./resource-strategies.ts";
import { storageStrategies } from "./storage-strategies.ts";
import { webhookConfigurationStrategy } from "./webhook-strategies.ts";

/** The strategy of each resource by `group/resource`; a resource that is not here has no rules of its own. */
export function builtinStrategies(options: {
  readonly allocators: ServiceAllocators;
  readonly eventTtlSeconds?: number;
  readonly environments: AdmissionEnvironments;
}): Readonly<Record<string, Strategy>> {
  const policies = admissionPolicyStrategies(options.environments);
  const webhookConfigurations = webhookConfigurationStrategy(options.environments);
  return {
    "/configmaps": configMapStrategy,
    "/endpoints": endpointsStrategy,
    "/events": eventStrategy(options.eventTtlSeconds),
    "/namespaces": namespaceStrategy,
    "/nodes": nodeStrategy,
    "/persistentvolumeclaims": persistentVolumeClaimStrategy,
    "/persistentvolumes": persistentVolumeStrategy,
    "/pods": podStrategy,
    "/podtemplates": podTemplateStrategy,
    "/replicationcontrollers": replicationControllerStrategy,
    "/limitranges": limitRangeStrategy,
    "/resourcequotas": resourceQuotaStrategy,
    "/secrets": secretStrategy,
    "/serviceaccounts": serviceAccountStrategy,
    "/services": serviceStrategy(options.allocators),
    "apiextensions.k8s.io/customresourcedefinitions": definitionStrategy,
    "apps/controllerrevisions": controllerRevisionStrategy,
    "apps/daemonsets": daemonSetStrategy,
    "apps/deployments": deploymentStrategy,
    "apps/replicasets": replicaSetStrategy,
    "apps/statefulsets": statefulSetStrategy,
    "batch/cronjobs": cronJobStrategy,
    "batch/jobs": jobStrategy,
    "certificates.k8s.io/certificatesigningrequests": certificateSigningRequestStrategy,
    "coordination.k8s.io/leases": leaseStrategy,
    "discovery.k8s.io/endpointslices": endpointSliceStrategy,
    "networking.k8s.io/ingressclasses": ingressClassStrategy,
    "networking.k8s.io/ingresses": ingressStrategy,
    "networking.k8s.io/ipaddresses": ipAddressStrategy,
    "networking.k8s.io/networkpolicies": networkPolicyStrategy,
    "networking.k8s.io/servicecidrs": serviceCidrStrategy,
    "policy/poddisruptionbudgets": podDisruptionBudgetStrategy,
    "rbac.authorization.k8s.io/clusterrolebindings": clusterRoleBindingStrategy,
    "rbac.authorization.k8s.io/clusterroles": clusterRoleStrategy,
    "rbac.authorization.k8s.io/rolebindings": roleBindingStrategy,
    "rbac.authorization.k8s.io/roles": roleStrategy,
    "scheduling.k8s.io/priorityclasses": priorityClassStrategy,
    "admissionregistration.k8s.io/mutatingadmissionpolicies": policies.mutatingadmissionpolicies,
    "admissionregistration.k8s.io/mutatingadmissionpolicybindings": policies.mutatingadmissionpolicybindings,
    "autoscaling/horizontalpodautoscalers": printedStrategies.horizontalpodautoscalers,
    ...resourceStrategies,
    ...storageStrategies,
    "/componentstatuses": componentStatusStrategy,
    "metrics.k8s.io/nodes": nodeMetricsStrategy,
    "metrics.k8s.io/pods": podMetricsStrategy,
    "admissionregistration.k8s.io/mutatingwebhookconfigurations": webhookConfigurations,
    "admissionregistration.k8s.io/validatingwebhookconfigurations": webhookConfigurations,
    "admissionregistration.k8s.io/validatingadmissionpolicies": policies.validatingadmissionpolicies,
    "admissionregistration.k8s.io/validatingadmissionpolicybindings": policies.validatingadmissionpolicybindings,
    "flowcontrol.apiserver.k8s.io/flowschemas": flowSchemaStrategy,
    "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations": priorityLevelConfigurationStrategy,
    "apiregistration.k8s.io/apiservices": { ...apiServiceStrategy, tableCells: apiServiceCells },
  };
}
