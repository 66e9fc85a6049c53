import type { HttpRequest } from "../../component-base/http.ts";
import type { Pace } from "../../component-base/pace.ts";
import type { UserInfo } from "../authentication/user-info.ts";
import type { AuditNotes } from "../audit/audit-notes.ts";
import type { RequestInfo } from "./request-info.ts";

/** One request on its way through the chain: what each filter has found out, handed on explicitly. */
export interface RequestScope {
  readonly http: HttpRequest;
  readonly info: RequestInfo;
  readonly auditId: string;
  /** Aborts when the client is gone, the request's time is up, or the server shuts down. */
  readonly signal: AbortSignal;
  /** Set by authentication. */
  user: UserInfo;
  /** Texts for `Warning` headers, each once. */
  readonly warnings: Set<string>;
  /** What every answer to it has among its headers, refusals as well. */
  readonly answerHeaders: Record<string, string>;
  /** Of a watch: to be called when its initial state is sent, or when somebody else sends it. */
  watchInitialized?: () => void;
  /** Where the audit wants to know what is asked; absent where it does not. */
  readonly audit?: AuditNotes;
  /** What admission notes for the audit. */
  readonly auditAnnotations: Map<string, string>;
  /** How its work shares the thread with other requests. */
  readonly pace: Pace;
}
