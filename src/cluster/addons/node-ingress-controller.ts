import type { Ingress, IngressBackend } from "../../api/networking/v1/types.gen.ts";
import type { Node, Service } from "../../api/core/v1/types.gen.ts";
import { ingressClasses, ingresses, nodes, services } from "../../api/resources.gen.ts";
import { isAlreadyExists } from "../../apimachinery/errors/status-error.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import { className, controllerName, isOurs } from "../../ingress/ingress-class.ts";
import { ingressProblemAnnotation } from "../../ingress/node-ingress.ts";
import { changesAddresses, NodeAddresses } from "./node-addresses.ts";

const byService = "service";

/**
 * What Ingress needs once in a cluster, beside the nodes that serve it: the IngressClass `k8ts`, made when there is none of that
 * name, the addresses of nodes that can serve in each Ingress's status, and events about backends that nobody can be sent to.
 */
export function nodeIngressController(): ControllerDescriptor {
  const name = "node-ingress-controller";
  const networking = "networking.k8s.io";
  return {
    name,
    serviceAccount: name,
    rules: [
      { apiGroups: [""], resources: ["services", "nodes"], verbs: ["get", "list", "watch"] },
      { apiGroups: [networking], resources: ["ingresses"], verbs: ["get", "list", "watch"] },
      { apiGroups: [networking], resources: ["ingressclasses"], verbs: ["get", "list", "watch", "create"] },
      { apiGroups: [networking], resources: ["ingresses/status"], verbs: ["update", "patch"] },
      { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch", "update"] },
    ],
    create: (context) => {
      const ingressInformer = context.informers.for(ingresses);
      const classInformer = context.informers.for(ingressClasses);
      const nodeInformer = context.informers.for(nodes);
      const addresses = new NodeAddresses(nodeInformer);
      const serviceInformer = context.informers.for(services);
      ingressInformer.addIndex(byService, (ingress) =>
        serviceBackends(ingress).map(({ service }) => `${ingress.metadata.namespace}/${service?.name}`),
      );
      const controller = new ReconcileController({
        ...context,
        name: "node-ingress",
        workers: 1,
        reconcile: (key) => (key === classKey ? ensureClass() : reconcileIngress(key)),
      });

      async function ensureClass(): Promise<void> {
        if (classInformer.lister.get(undefined, className)) return;
        const annotations = { "ingressclass.kubernetes.io/is-default-class": "true" };
        const metadata = { name: className, annotations };
        try {
          await context.client
            .resource(ingressClasses)
            .create({ kind: "IngressClass", metadata, spec: { controller: controllerName } });
        } catch (error) {
          // Somebody was first, and knows better what the class should be.
          if (!isAlreadyExists(error)) throw error;
        }
      }

      async function reconcileIngress(key: string): Promise<void> {
        const ingress = ingressInformer.lister.getByKey(key);
        if (!ingress || ingress.metadata.deletionTimestamp) return;
        const isServed = isOurs(ingress, classInformer.lister);
        const present = addressesIn(ingress);
        // One that was never ours has addresses somebody else gave it.
        if (!isServed && !addresses.areOurs(present)) return;
        if (isServed) tellProblems(ingress);
        const wanted = isServed ? addresses.ready(canServe) : [];
        if (wanted.join() === [...present].sort().join()) return;
        const loadBalancer = wanted.length === 0 ? {} : { ingress: wanted.map((ip) => ({ ip })) };
        await context.client
          .resource(ingresses, ingress.metadata.namespace)
          .updateStatus({ ...ingress, status: { ...ingress.status, loadBalancer } });
      }

      function tellProblems(ingress: Ingress): void {
        for (const backend of allBackends(ingress)) {
          const service = serviceInformer.lister.get(ingress.metadata.namespace, backend.service?.name ?? "");
          const problem = problemOf(backend, service);
          if (problem !== undefined) context.recorder.event(ingress, "Warning", "InvalidBackend", problem);
        }
      }

      const ours = (): readonly string[] => ingressInformer.lister.list().map(objectKey);
      controller.enqueue(classKey);
      controller.watch(ingressInformer, (ingress) => [objectKey(ingress)]);
      controller.watch(classInformer, () => [classKey, ...ours()]);
      controller.watch(nodeInformer, ours, (a, b) => changesAddresses(a, b) || canServe(a) !== canServe(b));
      controller.watch(
        serviceInformer,
        (service) => ingressInformer.lister.byIndex(byService, objectKey(service)).map(objectKey),
        (a, b) => portsOf(a) !== portsOf(b),
      );
      return controller;
    },
  };
}

/** A node says of itself when it cannot. */
function canServe({ metadata }: Node): boolean {
  return metadata.annotations?.[ingressProblemAnnotation] === undefined;
}

/** No Ingress has such a key. */
const classKey = "class";

function allBackends({ spec }: Ingress): readonly IngressBackend[] {
  const ofRules = (spec.rules ?? []).flatMap(({ http }) => (http?.paths ?? []).map(({ backend }) => backend));
  return spec.defaultBackend ? [spec.defaultBackend, ...ofRules] : ofRules;
}

function serviceBackends(ingress: Ingress): readonly IngressBackend[] {
  return allBackends(ingress).filter(({ service }) => service !== undefined);
}

function problemOf({ service: wanted, resource }: IngressBackend, service: Service | undefined): string | undefined {
  if (!wanted) return `backend ${resource?.kind} ${resource?.name} is not a Service, which is all that is served here`;
  if (!service) return `Service ${wanted.name} does not exist`;
  if (service.spec.type === "ExternalName")
    return `Service ${wanted.name} is an ExternalName, which is not served here`;
  const port = wanted.port?.name || wanted.port?.number;
  const isThere = service.spec.ports?.some((p) => p.name === port || p.port === port);
  return isThere ? undefined : `Service ${wanted.name} has no port ${port}`;
}

function portsOf({ spec }: Service): string {
  return `${spec.type} ${(spec.ports ?? []).map((p) => `${p.name}:${p.port}`).join()}`;
}

function addressesIn({ status }: Ingress): readonly string[] {
  return (status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
}
