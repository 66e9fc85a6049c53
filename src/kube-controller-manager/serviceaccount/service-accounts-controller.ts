import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause, isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import { namespaces, serviceAccounts } from "../../api/resources.gen.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";

export const serviceAccountsController: ControllerDescriptor = {
  name: "serviceaccount-controller",
  serviceAccount: "service-account-controller",
  rules: [
    { verbs: ["create"], apiGroups: [""], resources: ["serviceaccounts"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: createServiceAccountsController,
};

const defaultName = "default";

/** Sees to it that every namespace has a ServiceAccount `default`. Keys are namespaces. */
function createServiceAccountsController(context: ControllerContext): ReconcileController {
  const namespaceInformer = context.informers.for(namespaces);
  const accountInformer = context.informers.for(serviceAccounts);
  const reconcile = async (name: string, signal: AbortSignal): Promise<void> => {
    const namespace = namespaceInformer.lister.getByKey(name);
    if (!namespace || namespace.status.phase === "Terminating" || namespace.metadata.deletionTimestamp) return;
    if (accountInformer.lister.get(name, defaultName)) return;
    try {
      await context.client.resource(serviceAccounts, name).create({ metadata: { name: defaultName } }, { signal });
    } catch (error) {
      const isSettled = isAlreadyExists(error) || isNotFound(error) || hasStatusCause(error, namespaceTerminatingCause);
      if (!isSettled) throw error;
    }
  };
  const controller = new ReconcileController({ ...context, name: "serviceaccount", workers: 1, reconcile });
  controller.watch(namespaceInformer);
  accountInformer.addEventHandler({
    onDelete: (account) => {
      if (account.metadata.name === defaultName) controller.enqueue(account.metadata.namespace);
    },
  });
  return controller;
}
