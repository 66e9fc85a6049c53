import { validatingAdmissionPolicies } from "../../api/resources.gen.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import { PublishedSchemas } from "./published-schemas.ts";
import { TypeChecker } from "./type-checker.ts";

const name = "validatingadmissionpolicy-status-controller";

export const validatingAdmissionPolicyStatusController: ControllerDescriptor = {
  name,
  serviceAccount: name,
  rules: [
    {
      verbs: ["get", "list", "watch"],
      apiGroups: ["admissionregistration.k8s.io"],
      resources: ["validatingadmissionpolicies"],
    },
    {
      verbs: ["get", "patch", "update"],
      apiGroups: ["admissionregistration.k8s.io"],
      resources: ["validatingadmissionpolicies/status"],
    },
  ],
  create: createPolicyStatus,
};

/** Tells in the status of each policy what its expressions get wrong about the types they are about. */
function createPolicyStatus(context: ControllerContext): ReconcileController {
  const informer = context.informers.for(validatingAdmissionPolicies);
  const checker = new TypeChecker();
  const reconcile = async (key: string, signal: AbortSignal): Promise<void> => {
    const policy = informer.lister.getByKey(key);
    const generation = policy?.metadata.generation ?? 0;
    if (!policy || generation <= (policy.status?.observedGeneration ?? 0)) return;
    const expressionWarnings = await checker.check(policy, new PublishedSchemas(context.client, signal));
    const typeChecking = expressionWarnings.length > 0 ? { expressionWarnings } : {};
    await context.client.resource(validatingAdmissionPolicies).patch(
      key,
      "apply",
      {
        apiVersion: apiVersionOf(validatingAdmissionPolicies),
        kind: validatingAdmissionPolicies.kind,
        metadata: { name: key },
        status: { observedGeneration: generation, typeChecking },
      },
      { subresource: "status", fieldManager: name, force: true, signal },
    );
  };
  const controller = new ReconcileController({ ...context, name, reconcile });
  controller.watch(informer);
  return controller;
}
