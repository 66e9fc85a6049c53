import type { Scheme } from "../../apimachinery/scheme/scheme.ts";
import type {
  MutatingAdmissionPolicy as MutatingPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy as ValidatingPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from "../../api/admissionregistration/v1/types.gen.ts";
import type { WebhookClient } from "../../apiserver/webhook/webhook-client.ts";
import type {
  LimitRange,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  ServiceAccount as ServiceAccountObject,
} from "../../api/core/v1/types.gen.ts";
import type { ClusterRole, Role } from "../../api/rbac/v1/types.gen.ts";
import type { RuntimeClass as RuntimeClassObject } from "../../api/node/v1/types.gen.ts";
import type { PriorityClass } from "../../api/scheduling/v1/types.gen.ts";
import type { IngressClass } from "../../api/networking/v1/types.gen.ts";
import type { CSIDriver, StorageClass } from "../../api/storage/v1/types.gen.ts";
import type { AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { Authorizer } from "../../apiserver/authorization/authorizer.ts";
import type { RegistryAccess, StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { Random } from "../../component-base/random.ts";
import { CertificateSigners } from "./certificate-signers.ts";
import { DefaultIngressClass } from "./default-ingress-class.ts";
import { PersistentVolumeClaimResize } from "./persistent-volume-claim-resize.ts";
import { DefaultStorageClass } from "./default-storage-class.ts";
import { DefaultTolerationSeconds } from "./default-toleration-seconds.ts";
import type { AdmissionEnvironments } from "./expressions/admission-environment.ts";
import { MatchConditions } from "./expressions/match-conditions.ts";
import { LimitRanger } from "./limit-ranger.ts";
import { NamespaceLifecycle } from "./namespace-lifecycle.ts";
import { NodeRestriction } from "./node-restriction.ts";
import { MutatingAdmissionPolicy } from "./policy/mutating-admission-policy.ts";
import { ValidatingAdmissionPolicy } from "./policy/validating-admission-policy.ts";
import { PodSecurity } from "./pod-security/pod-security.ts";
import { PodResizeValidator } from "./pod-resize-validator.ts";
import { PodTopologyLabels } from "./pod-topology-labels.ts";
import { Priority } from "./priority.ts";
import { RbacEscalation } from "./rbac-escalation.ts";
import { ResourceQuota } from "./resource-quota.ts";
import { RuntimeClass } from "./runtime-class.ts";
import { ServiceAccount } from "./service-account.ts";
import { StorageObjectInUseProtection } from "./storage-object-in-use-protection.ts";
import { TaintNodesByCondition } from "./taint-nodes-by-condition.ts";
import { MutatingAdmissionWebhook } from "./webhook/mutating-admission-webhook.ts";
import { ValidatingAdmissionWebhook } from "./webhook/validating-admission-webhook.ts";
import { WebhookCaller } from "./webhook/webhook-caller.ts";

/** The admission plugins in the order they are asked, which is upstream's. */
export function admissionPlugins(options: {
  readonly namespaces: StorageLister<Namespace>;
  readonly nodes: StorageLister<Node>;
  readonly pods: StorageLister<Pod>;
  readonly persistentVolumes: StorageLister<PersistentVolume>;
  readonly persistentVolumeClaims: StorageLister<PersistentVolumeClaim>;
  readonly csiDrivers: StorageLister<CSIDriver>;
  readonly serviceAccounts: StorageLister<ServiceAccountObject>;
  readonly priorityClasses: StorageLister<PriorityClass>;
  readonly roles: StorageLister<Role>;
  readonly clusterRoles: StorageLister<ClusterRole>;
  readonly storageClasses: StorageLister<StorageClass>;
  readonly ingressClasses: StorageLister<IngressClass>;
  readonly runtimeClasses: StorageLister<RuntimeClassObject>;
  readonly limitRanges: StorageLister<LimitRange>;
  readonly mutatingWebhooks: StorageLister<MutatingWebhookConfiguration>;
  readonly validatingWebhooks: StorageLister<ValidatingWebhookConfiguration>;
  readonly mutatingPolicies: StorageLister<MutatingPolicy>;
  readonly mutatingPolicyBindings: StorageLister<MutatingAdmissionPolicyBinding>;
  readonly validatingPolicies: StorageLister<ValidatingPolicy>;
  readonly validatingPolicyBindings: StorageLister<ValidatingAdmissionPolicyBinding>;
  readonly environments: AdmissionEnvironments;
  readonly webhooks: WebhookClient;
  readonly scheme: Scheme;
  readonly authorizer: Authorizer;
  /** Called once requests come. */
  readonly registry: () => RegistryAccess;
  readonly clock: Clock;
  readonly random: Random;
  /** Names of those left out. */
  readonly disabled: readonly string[];
  readonly metrics: MetricRegistry;
  /** Of the server. */
  readonly minorVersion: number;
}): readonly AdmissionPlugin[] {
  const { clock, random } = options;
  const caller = new WebhookCaller({ client: options.webhooks, random });
  const matchConditions = new MatchConditions(options.environments);
  const all: readonly AdmissionPlugin[] = [
    new NamespaceLifecycle(options.namespaces),
    new LimitRanger(options.limitRanges),
    new ServiceAccount({ accounts: options.serviceAccounts, clock, random }),
    new NodeRestriction(options),
    new TaintNodesByCondition(),
    new PodSecurity(options),
    new Priority(options.priorityClasses),
    new DefaultTolerationSeconds(),
    new DefaultStorageClass(options.storageClasses),
    new PersistentVolumeClaimResize(options.storageClasses),
    new StorageObjectInUseProtection(),
    new RuntimeClass(options.runtimeClasses),
    new CertificateSigners(options.authorizer),
    new RbacEscalation(options),
    new DefaultIngressClass(options.ingressClasses),
    new PodTopologyLabels(options.nodes),
    new PodResizeValidator(options.nodes),
    new MutatingAdmissionPolicy({
      ...options,
      matchConditions,
      policies: options.mutatingPolicies,
      bindings: options.mutatingPolicyBindings,
    }),
    new MutatingAdmissionWebhook({
      ...options,
      configurations: options.mutatingWebhooks,
      caller,
      matchConditions,
    }),
    new ValidatingAdmissionPolicy({
      ...options,
      matchConditions,
      policies: options.validatingPolicies,
      bindings: options.validatingPolicyBindings,
    }),
    new ValidatingAdmissionWebhook({
      ...options,
      configurations: options.validatingWebhooks,
      caller,
      matchConditions,
    }),
    // Last: nothing is charged for what others refuse.
    new ResourceQuota(options),
  ];
  const unknown = options.disabled.find((name) => !all.some((plugin) => plugin.name === name));
  if (unknown !== undefined) throw new Error(`disable-admission-plugins plugin "${unknown}" is unknown`);
  return all.filter(({ name }) => !options.disabled.includes(name));
}
