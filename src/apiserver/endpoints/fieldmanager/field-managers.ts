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
  readonly registrations: readonly ResourceRegistration[];
  readonly clock: Clock;
}

/** The field managers of one server: one per resource and subresource, made when first asked for. */
export class FieldManagers {
  readonly codec = new ManagedFieldsCodec();
  readonly #options: FieldManagersOptions;
  readonly #types = new ApplyTypeCache();
  readonly #managers = new Map<string, FieldManager>();

  constructor(options: FieldManagersOptions) {
    this.#options = options;
  }

  /** Of a resource, or with `subresource`, of one that reads and writes the whole object. */
  of(resource: ApiResource, subresource: string): FieldManager {
    const key = `${apiVersionOf(resource)}/${resource.resource}/${subresource}`;
    return this.#known(key, () => ({
      kind: this.#kind(resource.group, resource.version, resource.kind),
      subresource,
      versions: this.#versions(resource, subresource),
    }));
  }

  /** Of the scale of any resource: a kind of its own, in one version. */
  ofScale(): FieldManager {
    return this.#known("scale", () => {
      const kind = this.#kind("autoscaling", "v1", "Scale");
      const version: KindVersion = { kind, resetFilter: (set) => set, convert: undefined };
      return { kind, subresource: "scale", versions: new Map([[apiVersionOf(kind), version]]) };
    });
  }

  /** The versions a resource is served in. */
  versionsOf(resource: ApiResource): ReadonlySet<string> {
    return new Set(this.#siblings(resource).map((each) => apiVersionOf(each.resource)));
  }

  #known(
    key: string,
    make: () => { readonly kind: ObjectKind; readonly subresource: string; readonly versions: KindVersions },
  ): FieldManager {
    const known = this.#managers.get(key);
    if (known) return known;
    const { codec } = this;
    const now = (): number => this.#options.clock.now();
    const made = new StructuredMergeManager({ ...make(), types: this.#types, codec, now });
    this.#managers.set(key, made);
    return made;
  }

  #siblings({ storagePrefix }: ApiResource): readonly ResourceRegistration[] {
    return this.#options.registrations.filter((each) => each.resource.storagePrefix === storagePrefix);
  }

  #versions(of: ApiResource, subresource: string): KindVersions {
    return new Map(
      this.#siblings(of).map(({ resource, convert, strategy }): [string, KindVersion] => {
        const { group, version, kind } = resource;
        const hasStatus = strategy?.hasStatus ?? resource.subresources.some(({ name }) => name === "status");
        const resetFilter = resetFilterOf(group, resource.resource, subresource, hasStatus);
        return [apiVersionOf(resource), { kind: this.#kind(group, version, kind), resetFilter, convert }];
      }),
    );
  }

  #kind(group: string, version: string, kind: string): ObjectKind {
    return defined(this.#options.scheme.kind(group, version, kind), kind);
  }
}
