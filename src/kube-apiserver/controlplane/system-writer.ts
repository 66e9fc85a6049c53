import { isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Input, KubeObject, Mutable, ResourceType } from "../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import type { Scheme } from "../../apimachinery/scheme/scheme.ts";
import { assert } from "../../component-base/assert.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { RegistryAccess } from "../../apiserver/registry/rest/registry-access.ts";
import type { RequestContext } from "../../apiserver/registry/rest/strategy.ts";

/** What every stored object has in common, for code that works on any of them. */
type AnyObject = Pick<KubeObject, "metadata">;

/** Writes objects that the server itself needs, as `system:apiserver`. Objects are defaulted as a client's would be. */
export class SystemWriter {
  readonly #scheme: Scheme;
  readonly #registry: RegistryAccess;
  readonly #clock: Clock;

  constructor(options: { readonly scheme: Scheme; readonly registry: RegistryAccess; readonly clock: Clock }) {
    this.#scheme = options.scheme;
    this.#registry = options.registry;
    this.#clock = options.clock;
  }

  /** Creates the object unless there is one of that name. */
  async ensure<T extends AnyObject>(type: ResourceType<T>, object: Input<T>): Promise<T> {
    const { namespace = "", name = "" } = object.metadata ?? {};
    const found = this.#registry.lister(type).get(namespace, name);
    if (found) return found;
    try {
      return await this.#registry.resource(type).create(this.#complete(type, object), this.context(namespace));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return this.#registry.resource(type).get(namespace, name);
    }
  }

  /** Creates the object, or changes the one there is; writes nothing when `change` changes nothing. */
  async reconcile<T extends AnyObject>(
    type: ResourceType<T>,
    object: Input<T>,
    change: (current: Mutable<T>) => void,
  ): Promise<T> {
    const { namespace = "", name = "" } = object.metadata ?? {};
    const stored = await this.ensure(type, object);
    // Looked at before it is written, so that a restart writes nothing.
    const copy = structuredClone(stored) as Mutable<T>;
    change(copy);
    if (JSON.stringify(copy) === JSON.stringify(stored)) return stored;
    return this.#registry.resource(type).update(namespace, name, change, this.context(namespace));
  }

  /** Changes the status part of an object there is. */
  async updateStatus<T extends AnyObject>(
    type: ResourceType<T>,
    namespace: string,
    name: string,
    change: (current: Mutable<T>) => void,
  ): Promise<T> {
    const options = { subresource: "status" };
    return this.#registry.resource(type).update(namespace, name, change, this.context(namespace), options);
  }

  async remove<T extends AnyObject>(type: ResourceType<T>, namespace: string, name: string): Promise<void> {
    try {
      const options = { apiVersion: "v1", kind: "DeleteOptions" } as const;
      await this.#registry.resource(type).delete(namespace, name, options, this.context(namespace));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  context(namespace: string): RequestContext {
    return {
      user: { name: "system:apiserver", groups: ["system:masters"] },
      namespace,
      nowMs: this.#clock.now(),
      dryRun: false,
      warn: () => {},
    };
  }

  #complete<T extends AnyObject>(type: ResourceType<T>, object: Input<T>): Mutable<T> {
    const kind = this.#scheme.kind(type.group, type.version, type.kind);
    assert(kind, `the scheme has no ${type.kind}`);
    const { object: decoded } = kind.decode({ ...object, apiVersion: apiVersionOf(type), kind: type.kind });
    kind.applyDefaults(decoded);
    return decoded as unknown as Mutable<T>;
  }
}
