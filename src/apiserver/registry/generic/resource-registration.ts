import type { HttpResponse } from "../../../component-base/http.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { ApiResource, ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import type { StoredResource } from "../../storage/api-storage.ts";
import type { RequestContext, Strategy, SubresourceRequest, SubresourceStrategy } from "../rest/strategy.ts";
import type { ResourceReader } from "../rest/resource-reader.ts";
import type { RegistryAccess } from "../rest/registry-access.ts";

/** Between a served version and the storage version of one resource. Both functions return new objects. */
export interface Conversion {
  /**
   * Present where somebody else has to be asked. Functions may then be given only what has been prepared, as the very same
   * object: stored ones for `fromStorage`, those about to be written for `toStorage`. Rejects with StatusError.
   */
  readonly ask?: {
    fromStorage(objects: readonly KubeObject[]): Promise<void>;
    toStorage(objects: readonly KubeObject[]): Promise<void>;
    /**
     * The fields objects of the served version are selected by, metadata's excepted. What is stored may be of another
     * version, so storage cannot select by them.
     */
    selectableFields(served: KubeObject): Readonly<Record<string, string>>;
  };
  toStorage(object: KubeObject): Mutable<KubeObject>;
  fromStorage(object: KubeObject): Mutable<KubeObject>;
}

/**
 * How a subresource is served.
 * - `object`: GET, PUT and PATCH of the whole object under the subresource's own strategy. A `status` needs no
 *   registration of its own unless its rules differ from "status changes, nothing else does".
 * - `scale`: autoscaling/v1 Scale over `spec.replicas`, `status.replicas` and the selector, made by default, too; over other
 *   fields with a view.
 * - `create`: POST of a body of the subresource's kind (binding, eviction, token). Resolves to the object to answer.
 * - `connect`: anything that streams or tunnels (log, exec, proxy). Answers HTTP itself.
 */
export type Subresource =
  | { readonly type: "object"; readonly strategy: SubresourceStrategy }
  | { readonly type: "scale"; readonly view?: ScaleView }
  | {
      readonly type: "create";
      create(request: SubresourceRequest): Promise<KubeObject>;
      /** Rules of the updates `create` makes under the subresource's name. */
      readonly strategy?: SubresourceStrategy;
    }
  | { readonly type: "connect"; connect(request: SubresourceRequest): Promise<HttpResponse> };

/** Where the replicas of a kind are. */
export interface ScaleView {
  /** `replicas` is undefined where the object says none; `selector` is "" when there is none. Throws StatusError. */
  read(object: KubeObject): {
    readonly replicas: number | undefined;
    readonly statusReplicas: number;
    readonly selector: string;
  };
  /** Where those wanted are; `spec.replicas` unless given. */
  readonly replicasPath?: readonly string[];
  /** Sets the replicas wanted, in place. */
  write(object: Mutable<KubeObject>, replicas: number): void;
  /** Present for custom kinds, whose own rules look at what is written: the path of the replicas as messages tell it. */
  readonly customPath?: string;
}

/** Answers the creation of a kind that is never stored (SubjectAccessReview, TokenReview …). */
export type ReviewHandler = (
  object: Mutable<KubeObject>,
  context: RequestContext,
  registry: RegistryAccess,
) => Promise<KubeObject>;

/** One resource of the server: its data from the scheme plus what policy it needs. Everything but `resource` is optional. */
export interface ResourceRegistration {
  readonly resource: ApiResource;
  /** Of several registrations that share a storage prefix, the one whose version is the storage version gives the strategy. */
  readonly strategy?: Strategy;
  readonly subresources?: Readonly<Record<string, Subresource>>;
  /** Needed when the served version is not the storage version. */
  readonly convert?: Conversion;
  /** One of these two is needed for, and only for, resources that are not persisted. */
  readonly review?: ReviewHandler;
  readonly reader?: ResourceReader;
  /** Needed for kinds the scheme does not have. */
  readonly kind?: ObjectKind;
  /** Told with every answer, as Warning headers. */
  readonly warnings?: readonly string[];
}

/** One resource that comes and goes while the server runs, in all versions it is served in. */
export interface DynamicResource {
  readonly stored: StoredResource;
  /** All share the storage of `stored`, have their own kinds and, unlike static ones, their own strategies. */
  readonly registrations: readonly ResourceRegistration[];
}
