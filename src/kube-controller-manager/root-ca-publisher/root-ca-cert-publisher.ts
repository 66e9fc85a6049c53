import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause, isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import { configMaps, namespaces } from "../../api/resources.gen.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";

const configMapName = "kube-root-ca.crt";
const descriptionAnnotation = "kubernetes.io/description";
const description =
  "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. " +
  "No other usage is guaranteed across distributions of Kubernetes clusters.";

/** Publishes the API server's CA (PEM) as ConfigMap `kube-root-ca.crt` in every namespace: projected into every pod. */
export function rootCaCertPublisher(rootCa: string): ControllerDescriptor {
  return {
    name: "root-ca-certificate-publisher-controller",
    serviceAccount: "root-ca-cert-publisher",
    rules: [
      { verbs: ["create", "update"], apiGroups: [""], resources: ["configmaps"] },
      { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
    ],
    create: (context) => createPublisher(context, rootCa),
  };
}

/** Keys are namespaces. */
function createPublisher(context: ControllerContext, rootCa: string): ReconcileController {
  const namespaceInformer = context.informers.for(namespaces);
  const mapInformer = context.informers.for(configMaps);
  const data = { "ca.crt": rootCa };
  const reconcile = async (name: string, signal: AbortSignal): Promise<void> => {
    const namespace = namespaceInformer.lister.getByKey(name);
    if (!namespace || namespace.status.phase === "Terminating" || namespace.metadata.deletionTimestamp) return;
    const current = mapInformer.lister.get(name, configMapName);
    const annotations = { ...current?.metadata.annotations, [descriptionAnnotation]: description };
    const isCurrent = semanticEqual(current?.data, data) && semanticEqual(current?.metadata.annotations, annotations);
    if (current && isCurrent) return;
    const client = context.client.resource(configMaps, name);
    const metadata = { ...(current?.metadata ?? { name: configMapName }), annotations };
    try {
      if (current) await client.update({ ...current, metadata, data }, { signal });
      else await client.create({ metadata, data }, { signal });
    } catch (error) {
      const isSettled = isAlreadyExists(error) || isNotFound(error) || hasStatusCause(error, namespaceTerminatingCause);
      if (!isSettled) throw error;
    }
  };
  const controller = new ReconcileController({ ...context, name: "root_ca_cert_publisher", workers: 1, reconcile });
  controller.watch(namespaceInformer);
  controller.watch(mapInformer, (map) => (map.metadata.name === configMapName ? [map.metadata.namespace] : []));
  return controller;
}
