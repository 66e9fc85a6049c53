import type { Status } from "../../apimachinery/meta/v1/types.gen.ts";
import type { AuditLevel, AuditStage } from "./audit-policy.ts";

interface AuditUser {
  readonly username: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What happened to one request, as an `audit.k8s.io/v1` Event. Empty parts are left out. */
export interface AuditEvent {
  readonly kind: "Event";
  readonly apiVersion: "audit.k8s.io/v1";
  readonly level: AuditLevel;
  readonly auditID: string;
  readonly stage: AuditStage;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: AuditUser;
  readonly impersonatedUser?: AuditUser;
  readonly authenticationMetadata?: { readonly impersonationConstraint: string };
  readonly sourceIPs?: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: Readonly<Record<string, string>>;
  readonly responseStatus?: Partial<Status>;
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Receives audit events; the one interface of all backends and of what stands before them. */
export interface AuditSink {
  /**
   * True when the events are on record, or on their way; false when they are lost, which it has counted and logged. Requests
   * wait for a promise. Does not throw or reject. Events do not change any more.
   */
  record(events: readonly AuditEvent[]): boolean | Promise<boolean>;
}

/** Whether all of what was recorded is on record; a promise only where one has to be waited for. */
export function allRecorded(results: readonly (boolean | Promise<boolean>)[]): boolean | Promise<boolean> {
  const pending = results.filter((result) => typeof result !== "boolean");
  const isNoneLost = results.every((result) => result !== false);
  return pending.length === 0 ? isNoneLost : Promise.all(pending).then((all) => isNoneLost && all.every(Boolean));
}
