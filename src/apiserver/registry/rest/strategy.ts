import type { DeleteOptions, ObjectMeta } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { HttpRequest } from "../../../component-base/http.ts";
import type { Pace } from "../../../component-base/pace.ts";
import type { Steps } from "../../../component-base/steps.ts";
import type { UserInfo } from "../../authentication/user-info.ts";
import type { RegistryAccess } from "./registry-access.ts";

/** The request a strategy acts for. */
export interface RequestContext {
  readonly user: UserInfo;
  /** "" for cluster-scoped kinds. */
  readonly namespace: string;
  /** Of the request, where there is one: a kind may be served in two groups. */
  readonly apiGroup?: string;
  readonly nowMs: number;
  readonly dryRun: boolean;
  /** How the request shares the thread with others; of callers inside the server, which have none, all is done at once. */
  readonly pace?: Pace;
  warn(text: string): void;
}

/**
 * The policy of one kind at named moments; the mechanism, and the order of these calls for all kinds, is
 * `registry/generic/store.ts`. Everything is optional: a kind without a rule of its own needs no strategy at all.
 * Objects handed in for preparation are owned by the call and may be changed in place; all others are read-only.
 */
export interface Strategy<T = KubeObject> {
  /** Clears what clients may not set (status, generation is done by the store) and sets what follows from the rest. */
  prepareForCreate?(object: Mutable<T>, context: RequestContext): void;
  /** All errors, in path order. Metadata rules common to all kinds are checked by the store before. */
  validate?(object: T, context: RequestContext): readonly FieldError[];
  prepareForUpdate?(object: Mutable<T>, old: T, context: RequestContext): void;
  validateUpdate?(object: T, old: T, context: RequestContext): readonly FieldError[];
  /**
   * Further errors, where finding them takes long: others have their turn between the steps. `old` is undefined on create;
   * `found` are the errors known by then.
   */
  validateInSteps?(
    object: T,
    old: T | undefined,
    context: RequestContext,
    found: readonly FieldError[],
  ): Steps<readonly FieldError[]>;
  warningsOnCreate?(object: T): readonly string[];
  warningsOnUpdate?(object: T, old: T): readonly string[];
  warningsOnDelete?(options: DeleteOptions): readonly string[];
  /** Name rule of metadata.name; DNS-1123 subdomain unless given. Returns messages. */
  validateName?(name: string, isPrefix: boolean): readonly string[];
  /** A generateName that an update sets is held to `validateName`; unless given, to what a part of a path may be. */
  readonly checksNameOnUpdate?: boolean;
  /** What is wrong with changes of metadata is told once, not twice as of other kinds, whose own rules look at it again. */
  readonly checksMetadataOnce?: boolean;
  /** Rules of the status subresource, where they are no more than this. */
  validateStatus?(object: T, old: T, context: RequestContext): readonly FieldError[];
  /** PUT of an absent object creates it. False unless given. */
  readonly allowCreateOnUpdate?: boolean;
  /** PUT without resourceVersion overwrites. True unless given. */
  readonly allowUnconditionalUpdate?: boolean;
  /** True when nothing but the status part belongs to the status subresource (the usual case); the store then keeps status
   * on a main update, and all but status and metadata.managedFields on a status update. True unless given. */
  readonly hasStatus?: boolean;
  /** Members of metadata that a status update leaves as they are. None unless given. */
  readonly statusKeeps?: readonly (keyof ObjectMeta)[];
  /** Seconds of graceful deletion, or undefined when the kind is deleted at once. `requested` is DeleteOptions' value. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number | undefined;
  /**
   * What a change of makes the store raise metadata.generation: `spec`, or everything but metadata and status (`object`).
   * Unless given: `spec` for resources with a status subresource, else `none` (no generation is kept).
   */
  readonly generation?: "spec" | "object" | "none";
  /** True: deletion answers with the object deleted instead of a Status. False unless given. */
  readonly returnDeletedObject?: boolean;
  /** Called when an object is first marked for deletion and stays for the time being (grace, finalizers), to adjust it. */
  prepareForGracefulDelete?(object: Mutable<T>, graceSeconds: number): void;
  /** What else must happen before an object marked for deletion may go, beside metadata.finalizers (a Namespace's spec.finalizers). */
  hasPendingFinalizers?(object: T): boolean;
  /** What becomes of dependents when a deletion does not say; Background unless given. */
  readonly defaultGarbageCollectionPolicy?: "Background" | "Orphan";
  /** Values of the selectable fields beyond metadata.name and metadata.namespace. */
  selectableFields?(object: T): Readonly<Record<string, string>>;
  /** Table cells, in the order of the kind's columns. */
  tableCells?(object: T, nowMs: number): readonly unknown[];
  /** Claims outside the object (IP addresses, ports) around a write; `rollback` runs when the write fails or is a dry run. */
  beginCreate?(object: Mutable<T>, context: RequestContext): Promise<Claim | undefined>;
  beginUpdate?(object: Mutable<T>, old: T, context: RequestContext): Promise<Claim | undefined>;
  /** After the object is gone from the store. */
  afterDelete?(object: T): Promise<void>;
  /** Seconds until the stored object expires by itself (Events); undefined for never. */
  ttlSeconds?(object: T): number | undefined;
}

export interface Claim {
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/**
 * The policy of a subresource that reads and writes the whole object under other rules: `status` (made by default),
 * `ephemeralcontainers`, `resize`, `approval`, `finalize`. Its `prepareForUpdate` puts back, from `old`, whatever the
 * subresource may not change.
 */
export type SubresourceStrategy<T = KubeObject> = Pick<
  Strategy<T>,
  | "prepareForUpdate"
  | "validateUpdate"
  | "validateInSteps"
  | "warningsOnUpdate"
  | "generation"
  | "allowUnconditionalUpdate"
  | "checksNameOnUpdate"
>;

/** What a custom subresource handler (binding, token, eviction, log …) is asked. */
export interface SubresourceRequest {
  readonly namespace: string;
  readonly name: string;
  readonly verb: string;
  /** The decoded and defaulted body, when there is one. */
  readonly body: Mutable<KubeObject> | undefined;
  readonly query: URLSearchParams;
  /** The path after the subresource's name, encoded as it came, with its slash; for `withPath` ones. */
  readonly path: string;
  readonly context: RequestContext;
  /** The HTTP request, for connect subresources (upgrade, headers, a body to pass on; its signal also aborts when the server stops). That of `create` ones is read. */
  readonly http: HttpRequest;
  /** Every resource of this server, for handlers that act on objects (binding, eviction, token). */
  readonly registry: RegistryAccess;
}
