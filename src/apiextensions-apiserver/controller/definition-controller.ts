import { offThread } from "../../component-base/off-thread.ts";
import { customResourceDefinitions } from "../../api/resources.gen.ts";
import type { CustomResourceDefinition } from "../../api/apiextensions/v1/types.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { deepEqual } from "../../apimachinery/object.ts";
import type { KubeObject, Mutable, ResourceType } from "../../apimachinery/resource-type.ts";
import type { Scheme } from "../../apimachinery/scheme/scheme.ts";
import type { DynamicResource } from "../../apiserver/registry/generic/resource-registration.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import type { RequestContext } from "../../apiserver/registry/rest/strategy.ts";
import type { WebhookClient } from "../../apiserver/webhook/webhook-client.ts";
import type { Random } from "../../component-base/random.ts";
import type { GenericApiServer } from "../../apiserver/server/generic-api-server-options.ts";
import { utf8Encode } from "../../component-base/bytes.ts";
import type { Clock, Timer } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import { WebhookConverter } from "../customresource/webhook-converter.ts";
import { customResource } from "../customresource/custom-resource.ts";
import { cleanupFinalizer, hasCondition, setCondition } from "../definition/conditions.ts";
import type { CustomResourceOpenApi } from "../openapi/custom-resource-open-api.ts";
import { acceptNames, takenNames } from "./accept-names.ts";

const retryMs = 1000;

export interface DefinitionControllerOptions {
  readonly server: Pick<GenericApiServer, "install" | "uninstall" | "registry">;
  readonly scheme: Scheme;
  readonly openApi: CustomResourceOpenApi | undefined;
  readonly webhooks: WebhookClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Installed {
  readonly uid: string;
  /** What it was made of: it is made again when this changes. */
  readonly spec: unknown;
  readonly names: unknown;
  readonly resource: DynamicResource;
  unfollow(): void;
}

/**
 * Does what CustomResourceDefinitions ask for: accepts their names, serves their resources, and deletes the instances of those
 * that are deleted. One definition is worked on at a time, each as often as it changes.
 *
 *     created ──names free──▶ served ──▶ Established ──deleted──▶ instances deleted ──▶ finalizer removed ──▶ not served
 *        └──names taken──▶ NamesAccepted=False, tried again when another definition goes
 */
export class DefinitionController {
  readonly #options: DefinitionControllerOptions;
  readonly #lister: StorageLister<CustomResourceDefinition>;
  readonly #installed = new Map<string, Installed>();
  readonly #dirty = new Set<string>();
  readonly #wake = new EventSignal();
  readonly #retries = new Set<Timer>();

  constructor(options: DefinitionControllerOptions) {
    this.#options = options;
    this.#lister = options.server.registry.lister(customResourceDefinitions);
  }

  /** Serves what is established already. To be called before the first request. */
  async start(): Promise<void> {
    this.#lister.onChange((current, previous) => this.#onChange(current, previous));
    for (const definition of this.#lister.list()) {
      if (hasCondition(definition, "Established")) await this.#install(definition);
      this.#enqueue(definition.metadata.name);
    }
  }

  /** Follows the definitions until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#wake.wait(signal);
      const names = [...this.#dirty];
      this.#dirty.clear();
      for (const name of names) if (!signal.aborted) await this.#tryReconcile(name);
    }
    for (const timer of this.#retries) timer.cancel();
  }

  #onChange(current: CustomResourceDefinition | undefined, previous: CustomResourceDefinition | undefined): void {
    const definition = current ?? previous;
    if (!definition) return;
    this.#enqueue(definition.metadata.name);
    // Names may have become free.
    if (!current || !deepEqual(current.status.acceptedNames, previous?.status.acceptedNames))
      for (const other of this.#lister.list())
        if (other.spec.group === definition.spec.group && !hasCondition(other, "NamesAccepted"))
          this.#enqueue(other.metadata.name);
  }

  #enqueue(name: string | undefined): void {
    this.#dirty.add(name ?? "");
    this.#wake.set();
  }

  async #tryReconcile(name: string): Promise<void> {
    try {
      await this.#reconcile(name);
    } catch (error) {
      this.#options.logger.warn("a custom resource definition could not be followed, will try again", { name, error });
      const timer = this.#options.clock.setTimer(retryMs, () => {
        this.#retries.delete(timer);
        this.#enqueue(name);
      });
      this.#retries.add(timer);
    }
  }

  async #reconcile(name: string): Promise<void> {
    const definition = this.#lister.get("", name);
    if (!definition) return this.#uninstall(name);
    const installed = this.#installed.get(name);
    if (installed && installed.uid !== definition.metadata.uid) this.#uninstall(name);
    if (definition.metadata.deletionTimestamp !== undefined) return this.#finalize(definition);
    const naming = acceptNames(definition, takenNames(definition, this.#lister.list()));
    const isEstablished = naming.established?.isTrue ?? true;
    // Served before it is said to be: whoever waits for Established may use it at once.
    if (isEstablished)
      await this.#install({ ...definition, status: { ...definition.status, acceptedNames: naming.acceptedNames } });
    await this.#updateStatus(definition, (object) => {
      object.status.acceptedNames = structuredClone(naming.acceptedNames) as typeof object.status.acceptedNames;
      const nowMs = this.#options.clock.now();
      setCondition(object, naming.namesAccepted, nowMs);
      if (naming.established) setCondition(object, naming.established, nowMs);
      const approval = approvalOf(object);
      if (approval) setCondition(object, approval, nowMs);
    });
  }

  async #install(definition: CustomResourceDefinition): Promise<void> {
    const { server, openApi, scheme } = this.#options;
    const { name, uid } = definition.metadata;
    const names = definition.status.acceptedNames;
    const former = this.#installed.get(name);
    if (former && former.uid === uid && deepEqual(former.spec, definition.spec) && deepEqual(former.names, names))
      return;
    const granted = { ...definition, spec: { ...definition.spec, names } };
    const isTerminating = (): boolean => this.#lister.get("", name)?.metadata.deletionTimestamp !== undefined;
    const storageVersionHash = await hashOfStorage(granted);
    const { conversion } = definition.spec;
    const { webhooks: client, random } = this.#options;
    const converter =
      conversion?.strategy === "Webhook" ? new WebhookConverter({ conversion, client, random }) : undefined;
    const resource = customResource(granted, { scheme, storageVersionHash, isTerminating, converter });
    openApi?.set(resource);
    await server.install(resource);
    former?.unfollow();
    const [first] = resource.registrations;
    // While the definition is going, the last instance's deletion is what it waits for.
    const unfollow = first
      ? server.registry.lister(typeOf(first.resource)).onChange((current) => {
          if (!current && isTerminating()) this.#enqueue(name);
        })
      : () => {};
    this.#installed.set(name, { uid, spec: definition.spec, names, resource, unfollow });
  }

  #uninstall(name: string): void {
    const installed = this.#installed.get(name);
    if (!installed) return;
    this.#installed.delete(name);
    installed.unfollow();
    this.#options.openApi?.delete(installed.resource);
    this.#options.server.uninstall(installed.resource);
  }

  /** Deletes the instances; when the last is gone the definition may go, too. */
  async #finalize(definition: CustomResourceDefinition): Promise<void> {
    if (!definition.metadata.finalizers?.includes(cleanupFinalizer)) return;
    const type = await this.#instanceType(definition);
    const remaining = type ? await this.#deleteInstances(type) : 0;
    const nowMs = this.#options.clock.now();
    if (remaining > 0) {
      await this.#updateStatus(definition, (object) =>
        setCondition(
          object,
          {
            type: "Terminating",
            isTrue: true,
            reason: "InstanceDeletionInProgress",
            message: "CustomResource deletion is in progress",
          },
          nowMs,
        ),
      );
      return;
    }
    await this.#updateStatus(definition, (object) =>
      setCondition(
        object,
        { type: "Terminating", isTrue: false, reason: "InstanceDeletionCompleted", message: "removed all instances" },
        nowMs,
      ),
    );
    await this.#update(definition, undefined, (object) => {
      object.metadata.finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== cleanupFinalizer);
    });
  }

  /** A served version of the instances; undefined when there never was one. */
  async #instanceType(definition: CustomResourceDefinition): Promise<ResourceType<KubeObject> | undefined> {
    if (!hasCondition(definition, "Established")) return undefined;
    // What is served in no version has instances all the same: the stored version is served until they are gone.
    const isServed = definition.spec.versions.some(({ served }) => served);
    const versions = definition.spec.versions.map((version) =>
      version.storage ? { ...version, served: true } : version,
    );
    await this.#install(isServed ? definition : { ...definition, spec: { ...definition.spec, versions } });
    const [first] = this.#installed.get(definition.metadata.name ?? "")?.resource.registrations ?? [];
    return first && typeOf(first.resource);
  }

  /** Resolves to how many are left, waiting for finalizers of their own. */
  async #deleteInstances(type: ResourceType<KubeObject>): Promise<number> {
    const registry = this.#options.server.registry.resource(type);
    for (const { metadata } of await registry.list()) {
      const { namespace = "", name = "", deletionTimestamp } = metadata;
      if (deletionTimestamp !== undefined) continue;
      try {
        await registry.delete(namespace, name, {}, this.#context(namespace));
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    return (await registry.list()).length;
  }

  async #updateStatus(
    definition: CustomResourceDefinition,
    change: (object: Mutable<CustomResourceDefinition>) => void,
  ): Promise<void> {
    await this.#update(definition, "status", change);
  }

  async #update(
    definition: CustomResourceDefinition,
    subresource: string | undefined,
    change: (object: Mutable<CustomResourceDefinition>) => void,
  ): Promise<void> {
    const { name, uid } = definition.metadata;
    const registry = this.#options.server.registry.resource(customResourceDefinitions);
    try {
      await registry.update("", name, change, this.#context(""), {
        preconditions: { uid },
        ...(subresource === undefined ? {} : { subresource }),
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #context(namespace: string): RequestContext {
    return {
      user: { name: "system:apiserver", groups: ["system:masters"] },
      namespace,
      nowMs: this.#options.clock.now(),
      dryRun: false,
      warn: () => {},
    };
  }
}

function typeOf(resource: DynamicResource["registrations"][number]["resource"]): ResourceType<KubeObject> {
  const { group, version, resource: name, kind, namespaced } = resource;
  return { group, version, resource: name, kind, namespaced };
}

/** Groups of the Kubernetes project need an approval, which the definition names. */
function approvalOf(definition: CustomResourceDefinition): Parameters<typeof setCondition>[1] | undefined {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(definition.spec.group)) return undefined;
  const annotation = "api-approved.kubernetes.io";
  const approval = definition.metadata.annotations?.[annotation] ?? "";
  const type = "KubernetesAPIApprovalPolicyConformant";
  if (approval.startsWith("unapproved"))
    return { type, isTrue: false, reason: "UnapprovedAnnotation", message: `not approved: "${approval}"` };
  if (approval === "")
    return {
      type,
      isTrue: false,
      reason: "MissingAnnotation",
      message: `protected groups must have approval annotation "${annotation}", see https://github.com/kubernetes/enhancements/pull/1111`,
    };
  return { type, isTrue: true, reason: "ApprovedAnnotation", message: `approved in ${approval}` };
}

/** As upstream: the first eight bytes of the SHA-256 of group, version and kind. */
async function hashOfStorage({ spec }: CustomResourceDefinition): Promise<string> {
  const version = spec.versions.find(({ storage }) => storage)?.name ?? "";
  const digest = await offThread(
    crypto.subtle.digest("SHA-256", utf8Encode(`${spec.group}/${version}/${spec.names.kind}`).slice()),
  );
  return btoa(String.fromCharCode(...new Uint8Array(digest, 0, 8)));
}
