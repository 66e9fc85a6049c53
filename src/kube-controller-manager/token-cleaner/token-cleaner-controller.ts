import { secrets } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";

const namespace = "kube-system";
const secretType = "bootstrap.kubernetes.io/token";

/** Deletes bootstrap tokens when they have expired. */
export const tokenCleanerController: ControllerDescriptor = {
  name: "token-cleaner-controller",
  serviceAccount: "token-cleaner",
  // Its rules on Secrets are a Role in kube-system.
  rules: [{ verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] }],
  create(context) {
    const informer = context.informers.for(secrets, { namespace, fieldSelector: `type=${secretType}` });
    const reconcile = async (key: string, signal: AbortSignal): Promise<ReconcileResult | void> => {
      const secret = informer.lister.getByKey(key);
      const expiration = secret?.data?.["expiration"];
      if (!secret || !expiration) return;
      const leftMs = Date.parse(atob(expiration)) - context.clock.now();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      const { name, uid } = secret.metadata;
      try {
        await context.client.resource(secrets, namespace).delete(name, { preconditions: { uid }, signal });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    };
    const controller = new ReconcileController({ ...context, name: "token_cleaner", workers: 1, reconcile });
    controller.watch(informer);
    return controller;
  },
};
