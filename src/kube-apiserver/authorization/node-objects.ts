import type { PersistentVolume, Pod } from "../../api/core/v1/types.gen.ts";
import type { Ingress } from "../../api/networking/v1/types.gen.ts";
import type { ResourceSlice } from "../../api/resource/v1/types.gen.ts";
import type { VolumeAttachment } from "../../api/storage/v1/types.gen.ts";
import { podReferences } from "../../component-helpers/pod-references.ts";

const mirrorAnnotation = "kubernetes.io/config.mirror";

/** Gives whoever watches a kind a place to tell of it; both are idempotent. */
export interface ObjectSink<T> {
  set(object: T): void;
  delete(object: T): void;
}

/**
 * Which objects belong to which node: pods bound to it, what these refer to, volumes of their claims with the secrets these
 * need, attachments and resource slices that name it. Keeps names, not objects. An answer costs one look-up, for volumes one
 * more for each volume of the name.
 */
export class NodeObjects {
  /** Object → the nodes it belongs to, each with how many say so. */
  readonly #nodes = new Map<string, Map<string, number>>();
  /** Object → others that it belongs with: a volume with its claim, a secret with volumes. */
  readonly #others = new Map<string, Set<string>>();
  /** Who said what, to take it back. */
  readonly #said = new Map<string, { readonly node: string; readonly objects: readonly string[] }>();
  readonly #linked = new Map<string, readonly (readonly [object: string, other: string])[]>();

  readonly pods: ObjectSink<Pod> = {
    set: (pod) => this.#say(keyOf("pods", pod), pod.spec.nodeName, objectsOf(pod)),
    delete: (pod) => this.#unsay(keyOf("pods", pod)),
  };
  readonly volumeAttachments: ObjectSink<VolumeAttachment> = this.#naming("volumeattachments");
  readonly resourceSlices: ObjectSink<ResourceSlice> = this.#naming("resourceslices");
  readonly persistentVolumes: ObjectSink<PersistentVolume> = {
    set: (volume) => this.#link(keyOf("persistentvolumes", volume), linksOf(volume)),
    delete: (volume) => this.#link(keyOf("persistentvolumes", volume), []),
  };

  has(node: string, resource: string, namespace: string, name: string): boolean {
    return this.#belongs(node, `${resource}/${namespace}/${name}`);
  }

  /** Ends: secrets lead to volumes, volumes to claims, claims to no others. */
  #belongs(node: string, object: string): boolean {
    if (this.#nodes.get(object)?.has(node)) return true;
    for (const other of this.#others.get(object) ?? []) if (this.#belongs(node, other)) return true;
    return false;
  }

  /** Objects that name their node themselves. */
  #naming<T extends Named & { readonly spec: { readonly nodeName?: string } }>(resource: string): ObjectSink<T> {
    return {
      set: (object) => this.#say(keyOf(resource, object), object.spec.nodeName, [keyOf(resource, object)]),
      delete: (object) => this.#unsay(keyOf(resource, object)),
    };
  }

  #say(who: string, node: string | undefined, objects: readonly string[]): void {
    this.#unsay(who);
    if (!node) return;
    this.#said.set(who, { node, objects });
    for (const object of objects) {
      let nodes = this.#nodes.get(object);
      if (!nodes) this.#nodes.set(object, (nodes = new Map()));
      nodes.set(node, (nodes.get(node) ?? 0) + 1);
    }
  }

  #unsay(who: string): void {
    const said = this.#said.get(who);
    if (!said) return;
    this.#said.delete(who);
    for (const object of said.objects) {
      const nodes = this.#nodes.get(object);
      if (!nodes) continue;
      const left = (nodes.get(said.node) ?? 1) - 1;
      if (left > 0) nodes.set(said.node, left);
      else nodes.delete(said.node);
      if (nodes.size === 0) this.#nodes.delete(object);
    }
  }

  #link(who: string, links: readonly (readonly [object: string, other: string])[]): void {
    for (const [object, other] of this.#linked.get(who) ?? []) {
      const others = this.#others.get(object);
      others?.delete(other);
      if (others?.size === 0) this.#others.delete(object);
    }
    this.#linked.delete(who);
    if (links.length === 0) return;
    this.#linked.set(who, links);
    for (const [object, other] of links) {
      const others = this.#others.get(object);
      if (others) others.add(other);
      else this.#others.set(object, new Set([other]));
    }
  }
}

interface Named {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

function keyOf(resource: string, { metadata }: Named): string {
  return `${resource}/${metadata.namespace ?? ""}/${metadata.name}`;
}

/** The pod and what it needs. A mirror pod is made by a node, so it gives the node nothing. */
function objectsOf(pod: Pod): readonly string[] {
  const own = keyOf("pods", pod);
  if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return [own];
  const { namespace } = pod.metadata;
  return [own, ...new Set([...podReferences(pod)].map(([resource, name]) => `${resource}/${namespace}/${name}`))];
}

/** A volume belongs with its claim; the secrets its node needs, with the volume. */
function linksOf(volume: PersistentVolume): readonly (readonly [object: string, other: string])[] {
  const { claimRef } = volume.spec;
  if (!claimRef) return [];
  const own = keyOf("persistentvolumes", volume);
  const links: (readonly [string, string])[] = [
    [own, `persistentvolumeclaims/${claimRef.namespace ?? ""}/${claimRef.name ?? ""}`],
  ];
  for (const { name, namespace } of volumeSecrets(volume))
    if (name) links.push([`secrets/${namespace || claimRef.namespace || ""}/${name}`, own]);
  return links;
}

interface SecretName {
  readonly name?: string;
  readonly namespace?: string;
}

function* volumeSecrets({ spec }: PersistentVolume): Generator<SecretName> {
  const { csi, azureFile, cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos } = spec;
  if (azureFile)
    yield {
      name: azureFile.secretName,
      ...(azureFile.secretNamespace ? { namespace: azureFile.secretNamespace } : {}),
    };
  const ofNode = [csi?.nodePublishSecretRef, csi?.nodeStageSecretRef, csi?.nodeExpandSecretRef];
  const inTree = [cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos].map((source) => source?.secretRef);
  for (const secret of [...ofNode, ...inTree]) if (secret) yield secret;
}

/** The Secrets Ingresses name, with how many do. */
export class IngressSecrets implements ObjectSink<Ingress> {
  readonly #ingresses = new Map<string, readonly string[]>();
  readonly #counts = new Map<string, number>();

  has(namespace: string, name: string): boolean {
    return this.#counts.has(`${namespace}/${name}`);
  }

  set(ingress: Ingress): void {
    this.delete(ingress);
    const { namespace, name } = ingress.metadata;
    const secrets = (ingress.spec.tls ?? []).flatMap(({ secretName }) =>
      secretName ? [`${namespace}/${secretName}`] : [],
    );
    if (secrets.length === 0) return;
    this.#ingresses.set(`${namespace}/${name}`, secrets);
    for (const secret of secrets) this.#counts.set(secret, (this.#counts.get(secret) ?? 0) + 1);
  }

  delete({ metadata }: Ingress): void {
    const key = `${metadata.namespace}/${metadata.name}`;
    for (const secret of this.#ingresses.get(key) ?? []) {
      const left = (this.#counts.get(secret) ?? 1) - 1;
      if (left > 0) this.#counts.set(secret, left);
      else this.#counts.delete(secret);
    }
    this.#ingresses.delete(key);
  }
}
