import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { Container, Pod, ServiceAccount as ServiceAccountObject, Volume } from "../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { Random } from "../../component-base/random.ts";
import { randomName } from "../../component-base/random.ts";
import { isPod, refuse } from "./refuse.ts";

const mirrorAnnotation = "kubernetes.io/config.mirror";
const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
const volumePrefix = "kube-api-access-";
const defaultAccount = "default";
// One hour, and a little that tells these tokens from those somebody asked for.
const tokenSeconds = 3607;
// The default account of a new namespace is made by a controller; a pod created right after waits for it this long.
const defaultAccountWaitMs = 1000;

/** Gives every pod a service account, its token as a volume, and its image pull secrets. */
export class ServiceAccount implements AdmissionPlugin {
  readonly name = "ServiceAccount";
  readonly #accounts: Pick<StorageLister<ServiceAccountObject>, "get" | "onChange">;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: {
    readonly accounts: Pick<StorageLister<ServiceAccountObject>, "get" | "onChange">;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#accounts = options.accounts;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE";
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    if (!isPod(attributes) || !attributes.object) return;
    const pod = attributes.object as Mutable<Pod>;
    // A mirror pod reflects a static pod, which runs without the API server and so without an account.
    if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) {
      this.#refuseMirror(attributes, pod);
      return;
    }
    pod.spec.serviceAccountName ||= defaultAccount;
    pod.spec.serviceAccount = pod.spec.serviceAccountName;
    const account = await this.#find(attributes.namespace, pod.spec.serviceAccountName);
    if (!account) {
      const name = pod.spec.serviceAccountName;
      const why = `serviceaccount "${name}" not found`;
      throw refuse(attributes, `error looking up service account ${attributes.namespace}/${name}: ${why}`);
    }
    if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) this.#mountToken(pod);
    if ((pod.spec.imagePullSecrets?.length ?? 0) === 0 && account.imagePullSecrets) {
      pod.spec.imagePullSecrets = account.imagePullSecrets.map((reference) => ({ ...reference }));
    }
  }

  #refuseMirror(attributes: AdmissionAttributes, pod: Mutable<Pod>): void {
    if (pod.spec.serviceAccountName) throw refuse(attributes, "a mirror pod may not reference service accounts");
    for (const volume of pod.spec.volumes ?? []) {
      if (volume.projected?.sources?.some((source) => source.serviceAccountToken)) {
        throw refuse(attributes, "a mirror pod may not use ServiceAccountToken volume projections");
      }
    }
  }

  async #find(namespace: string, name: string): Promise<ServiceAccountObject | undefined> {
    const find = (): ServiceAccountObject | undefined => this.#accounts.get(namespace, name);
    const found = find();
    if (found || name !== defaultAccount) return found;
    return new Promise((resolve) => {
      const finish = (account: ServiceAccountObject | undefined): void => {
        timer.cancel();
        unsubscribe();
        resolve(account);
      };
      const timer = this.#clock.setTimer(defaultAccountWaitMs, () => finish(undefined));
      const unsubscribe = this.#accounts.onChange(() => {
        const account = find();
        if (account) finish(account);
      });
    });
  }

  #mountToken(pod: Mutable<Pod>): void {
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
    const without = containers.filter((container) => !hasMount(container));
    if (without.length === 0) return;
    const existing = pod.spec.volumes?.find((volume) => volume.name.startsWith(volumePrefix));
    const name = existing?.name ?? this.#volumeName(pod);
    for (const container of without) {
      container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }];
    }
    if (!existing) pod.spec.volumes = [...(pod.spec.volumes ?? []), tokenVolume(name)];
  }

  #volumeName(pod: Mutable<Pod>): string {
    for (;;) {
      const name = `${volumePrefix}${randomName(this.#random)}`;
      if (!pod.spec.volumes?.some((volume) => volume.name === name)) return name;
    }
  }
}

function hasMount(container: Mutable<Container>): boolean {
  return container.volumeMounts?.some((mount) => mount.mountPath === mountPath) ?? false;
}

/** Token, cluster CA and namespace, as in-cluster clients look for them. */
function tokenVolume(name: string): Mutable<Volume> {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  };
}
