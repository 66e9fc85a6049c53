import { persistentVolumeClaims, persistentVolumes } from "../../api/resources.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { isClaimedBy } from "../../component-helpers/storage/volume-claims.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";

/** Says on a claim that asks for more that its volume is its driver's to expand: there are no volumes of any other kind. */
export const expandController: ControllerDescriptor = {
  name: "persistentvolume-expander-controller",
  eventSource: "volume_expand",
  serviceAccount: "expand-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["persistentvolumes", "persistentvolumeclaims"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create(context) {
    const claims = context.informers.for(persistentVolumeClaims);
    const volumes = context.informers.for(persistentVolumes);
    const size = (list: Readonly<Record<string, string>> | undefined): Quantity =>
      Quantity.parse(list?.["storage"] ?? "0");
    const controller = new ReconcileController({
      ...context,
      name: "volume_expand",
      reconcile: async (key) => {
        const claim = claims.lister.getByKey(key);
        if (!claim || claim.status.phase !== "Bound") return;
        const volume = volumes.lister.getByKey(claim.spec.volumeName ?? "");
        if (!volume || !isClaimedBy(volume, claim)) return;
        if (size(claim.spec.resources.requests).compare(size(claim.status.capacity)) <= 0) return;
        const message = "waiting for an external controller to expand this PVC";
        context.recorder.event(claim, "Warning", "ExternalExpanding", message);
      },
    });
    const requestOf = ({ spec }: { spec: { resources: { requests?: Readonly<Record<string, string>> } } }): Quantity =>
      size(spec.resources.requests);
    controller.watch(claims, undefined, (previous, current) => !requestOf(previous).equals(requestOf(current)));
    return controller;
  },
};
