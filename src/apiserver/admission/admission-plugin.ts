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
