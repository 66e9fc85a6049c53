import type { APIService } from "../api/apiregistration/v1/types.gen.ts";
import { apiServices } from "../api/resources.gen.ts";
import { isConflict, isNotFound } from "../apimachinery/errors/status-error.ts";
import type { Mutable } from "../apimachinery/resource-type.ts";
import type { RegistryAccess, ResourceRegistry } from "../apiserver/registry/rest/registry-access.ts";
import type { RequestContext } from "../apiserver/registry/rest/strategy.ts";
import type { Clock } from "../component-base/clock.ts";
import { type Availability, setAvailability } from "./api-service.ts";

/** Writes APIServices as the server itself. An object that is another one by now, or gone, is left alone: its event is on the way. */
export class ApiServiceWriter {
  readonly #registry: ResourceRegistry<APIService>;
  readonly #clock: Clock;

  constructor(registry: RegistryAccess, clock: Clock) {
    this.#registry = registry.resource(apiServices);
    this.#clock = clock;
  }

  async create(
    metadata: { readonly name: string; readonly labels?: Record<string, string> },
    spec: APIService["spec"],
  ): Promise<void> {
    const type = { apiVersion: "apiregistration.k8s.io/v1", kind: "APIService" } as const;
    await this.#registry.create({ ...type, metadata, spec, status: {} }, this.#context());
  }

  async setSpec(current: APIService, spec: APIService["spec"]): Promise<void> {
    await this.#update(current, undefined, (object) => (object.spec = { ...spec }));
  }

  async setAvailability(current: APIService, availability: Availability): Promise<void> {
    await this.#update(current, "status", (object) => setAvailability(object, availability, this.#clock.now()));
  }

  async remove({ metadata: { name, uid } }: APIService): Promise<void> {
    const options = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid } } as const;
    try {
      await this.#registry.delete("", name, options, this.#context());
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async #update(
    { metadata: { name, uid } }: APIService,
    subresource: string | undefined,
    change: (object: Mutable<APIService>) => void,
  ): Promise<void> {
    const options = { preconditions: { uid }, ...(subresource === undefined ? {} : { subresource }) };
    try {
      await this.#registry.update("", name, change, this.#context(), options);
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #context(): RequestContext {
    return {
      user: { name: "system:apiserver", groups: ["system:masters"] },
      namespace: "",
      nowMs: this.#clock.now(),
      dryRun: false,
      warn: () => {},
    };
  }
}
