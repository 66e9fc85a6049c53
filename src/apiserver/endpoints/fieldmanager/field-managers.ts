import type { Clock } from "../../../component-base/clock.ts";
import { defined } from "../../../component-base/assert.ts";
import { apiVersionOf } from "../../../apimachinery/resource-type.ts";
import type { ApiResource, ObjectKind, Scheme } from "../../../apimachinery/scheme/scheme.ts";
import { ApplyTypeCache } from "../../../apimachinery/structured-merge-diff/apply-type.ts";
import type { ResourceRegistration } from "../../registry/generic/resource-registration.ts";
import { type FieldManager, StructuredMergeManager } from "./field-manager.ts";
import type { KindVersion, KindVersions } from "./kind-versions.ts";
import { ManagedFieldsCodec } from "./managed-fields.ts";
import { resetFilterOf } from "./reset-fields.ts";

export interface FieldManagersOptions {
  readonly scheme: Scheme;
  /** Every resource now served over a storage prefix, one for each version. */
  registrationsOf(storagePrefix: string): readonly ResourceRegistration[];
  readonly clock: Clock;
}

/** Where the replicas of an object are: its Scale's only field that can be managed. */
const usualReplicasPath: readonly string[] = ["spec", "replicas"];

/** The field managers of one server: one per resource and subresource, made when first asked for. */
export class FieldManagers {
  readonly codec = new ManagedFieldsCodec();
  readonly #options: FieldManagersOptions;
  readonly #types = new ApplyTypeCache();
  /** By storage prefix, then by version and subresource. */
  readonly #managers = new Map<string, Map<string, FieldManager>>();
  #scale: FieldManager | undefined;

  constructor(options: FieldManagersOptions) {
    this.#options = options;
  }

  /** Of a resource, or with `subresource`, of one that reads and writes the whole object. */
  of(resource: ApiResource, subresource: string): FieldManager {
    // What is not stored has no other versions, either.
    const { storagePrefix } = resource.persisted
      ? resource
      : { storagePrefix: `${resource.group}/${resource.resource}` };
    let known = this.#managers.get(storagePrefix);
    if (!known) this.#managers.set(storagePrefix, (known = new Map()));
    const key = `${apiVersionOf(resource)}/${subresource}`;
    let manager = known.get(key);
    if (!manager) {
      const versions = this.#versions(resource, subresource);
      const { kind } = defined(versions.get(apiVersionOf(resource)), apiVersionOf(resource));
      known.set(key, (manager = this.#make(kind, subresource, versions)));
    }
    return manager;
  }

  /** What is served over a storage prefix is another from now on. */
  forget(storagePrefix: string): void {
    this.#managers.delete(storagePrefix);
  }

  /** Of the scale of any resource: a kind of its own, in one version. */
  ofScale(): FieldManager {
    if (this.#scale) return this.#scale;
    const kind = this.#kind("autoscaling", "v1", "Scale");
    const version: KindVersion = { kind, resetFilter: (set) => set, convert: undefined };
    return (this.#scale = this.#make(kind, "scale", new Map([[apiVersionOf(kind), version]])));
  }

  /** Where a resource has its replicas in each version it is served in, by apiVersion. */
  replicasPathsOf(resource: ApiResource): ReadonlyMap<string, readonly string[]> {
    return new Map(
      this.#options.registrationsOf(resource.storagePrefix).map((each) => {
        const scale = each.subresources?.["scale"];
        const view = scale?.type === "scale" ? scale.view : undefined;
        return [apiVersionOf(each.resource), view?.replicasPath ?? usualReplicasPath];
      }),
    );
  }

  #make(kind: ObjectKind, subresource: string, versions: KindVersions): FieldManager {
    const now = (): number => this.#options.clock.now();
    return new StructuredMergeManager({ kind, subresource, versions, types: this.#types, codec: this.codec, now });
  }

  #versions(of: ApiResource, subresource: string): KindVersions {
    const registrations: readonly ResourceRegistration[] = of.persisted
      ? this.#options.registrationsOf(of.storagePrefix)
      : [{ resource: of }];
    return new Map(
      registrations.map((registration): [string, KindVersion] => {
        const { resource, convert, strategy } = registration;
        const { group, version } = resource;
        const hasStatus = strategy?.hasStatus ?? resource.subresources.some(({ name }) => name === "status");
        const kind = registration.kind ?? this.#kind(group, version, resource.kind);
        const isCustom = kind.custom !== undefined;
        const resetFilter = resetFilterOf({ group, resource: resource.resource, subresource, hasStatus, isCustom });
        return [apiVersionOf(resource), { kind, resetFilter, convert }];
      }),
    );
  }

  #kind(group: string, version: string, kind: string): ObjectKind {
    return defined(this.#options.scheme.kind(group, version, kind), kind);
  }
}
