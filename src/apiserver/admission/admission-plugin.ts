import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import type { UserInfo } from "../authentication/user-info.ts";

export type AdmissionOperation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

/** One request on its way to the registry; upstream's admission.Attributes. */
export interface AdmissionAttributes {
  readonly operation: AdmissionOperation;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly kind: string;
  readonly namespace: string;
  /** May be empty on create with generateName. */
  readonly name: string;
  /** The new object; absent on delete. Mutating plugins change it in place. */
  readonly object: Mutable<KubeObject> | undefined;
  /** The stored object; absent on create. */
  readonly oldObject: KubeObject | undefined;
  /** CreateOptions, UpdateOptions, DeleteOptions, or the connect options (PodExecOptions …). */
  readonly options: unknown;
  readonly dryRun: boolean;
  readonly user: UserInfo;
  /** Adds a `Warning` header to the response. */
  warn(text: string): void;
  /** Adds an annotation to the request's audit events; the first value of a key stays. */
  annotate(key: string, value: string): void;
  readonly rounds: AdmissionRounds;
  /** The same resource under its other names and versions. Empty where the body is not of the resource's own kind. */
  equivalents(): readonly EquivalentResource[];
}

/** Another way to name the resource of a request, with its objects in that version. */
export interface EquivalentResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  /** Both return new objects. */
  fromRequested(object: KubeObject): Mutable<KubeObject>;
  toRequested(object: KubeObject): Mutable<KubeObject>;
}

/**
 * The mutating plugins run once, and once more when one asks for it because others should see what it did. Both rounds of a
 * request share this object.
 */
export interface AdmissionRounds {
  isSecond: boolean;
  /** To be set in the first round. */
  isSecondWanted: boolean;
  /** What plugins keep between the rounds, by their name. */
  readonly memory: Map<string, unknown>;
}

/** One admission plugin: one file, listed in kube-apiserver/admission/plugins.ts, whose order is the order of the calls. */
export interface AdmissionPlugin {
  /** Upstream's name, e.g. `NamespaceLifecycle`. */
  readonly name: string;
  handles(operation: AdmissionOperation): boolean;
  /** May change the object. Rejects with a StatusError (mostly Forbidden) to refuse. */
  admit?(attributes: AdmissionAttributes): Promise<void>;
  /** Must not change the object; sees it after all mutation and after the strategy's own validation. */
  validate?(attributes: AdmissionAttributes): Promise<void>;
}
