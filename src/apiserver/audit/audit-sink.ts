import type { UserInfo } from "../authentication/user-info.ts";

/** What happened to one request. */
export interface AuditEvent {
  readonly auditId: string;
  readonly stage: "RequestReceived" | "ResponseStarted" | "ResponseComplete" | "Panic";
  readonly requestUri: string;
  readonly verb: string;
  readonly user: UserInfo | undefined;
  readonly impersonatedUser: UserInfo | undefined;
  readonly sourceAddress: string;
  readonly userAgent: string;
  readonly objectRef:
    | {
        readonly group: string;
        readonly version: string;
        readonly resource: string;
        readonly namespace: string;
        readonly name: string;
        readonly subresource: string;
      }
    | undefined;
  /** 0 before there is a response. */
  readonly responseCode: number;
  readonly timestampMs: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Receives audit events. Must be quick and must not throw; what it cannot take it counts and drops. */
export interface AuditSink {
  record(event: AuditEvent): void;
}
