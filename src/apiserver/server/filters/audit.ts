import type { Clock } from "../../../component-base/clock.ts";
import { concatBytes } from "../../../component-base/bytes.ts";
import type { ByteSink, HttpRequest, HttpResponse } from "../../../component-base/http.ts";
import type { CounterSeries, MetricRegistry } from "../../../component-base/metrics.ts";
import { internalError } from "../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import { parseJson } from "../../../apimachinery/json/parse.ts";
import type { Status } from "../../../apimachinery/meta/v1/types.gen.ts";
import { cloneJson, isJsonObject } from "../../../apimachinery/object.ts";
import { readEnvelope } from "../../../apimachinery/protobuf/envelope.ts";
import type { Scheme } from "../../../apimachinery/scheme/scheme.ts";
import { formatMicroTime } from "../../../apimachinery/time.ts";
import { parseYaml } from "../../../apimachinery/yaml/parse.ts";
import type { AuditConfig, AuditPolicy, AuditStage } from "../../audit/audit-policy.ts";
import type { AuditNotes } from "../../audit/audit-notes.ts";
import { allRecorded } from "../../audit/audit-sink.ts";
import type { AuditEvent, AuditSink } from "../../audit/audit-sink.ts";
import type { UserInfo } from "../../authentication/user-info.ts";
import { protobufType } from "../../endpoints/serializer.ts";
import type { RequestScope } from "../../endpoints/request-scope.ts";
import type { Filter } from "../handler-chain.ts";
import { isLongRunning } from "../long-running.ts";
import { attributesOfRequest } from "./authorization.ts";

export interface AuditOptions {
  readonly policy: AuditPolicy;
  readonly sink: AuditSink;
}

export interface AuditFilterOptions extends AuditOptions {
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly metrics: MetricRegistry;
}

/** Tells the sink of each request what the policy wants to be known: when it comes, when it is answered, and what was said. */
export function withAudit(options: AuditFilterOptions): Filter {
  const { policy, clock, metrics } = options;
  const levels = metrics.counter(
    "apiserver_audit_level_total",
    "Counter of policy levels for audit events (1 per request).",
    ["level"],
  );
  const rejected = metrics.counter(
    "apiserver_audit_requests_rejected_total",
    "Counter of apiserver requests rejected due to an error in audit logging backend.",
  );
  return (next) => async (scope) => {
    const config = policy.configFor(attributesOfRequest(scope.info, scope.user));
    // Those of no level are counted, too.
    if (config.level === "None") levels.inc(config.level);
    if (config.level === "None") return next(scope);
    const record = new AuditRecord(options, scope, config, clock.now());
    levels.inc(config.level);
    record.emit("RequestReceived");
    if (!(await record.isRecorded())) {
      rejected.inc();
      throw internalError(new Error("failed to store audit event"));
    }
    const inner: RequestScope = { ...scope, audit: record };
    try {
      const response = record.answered(inner, await next(inner));
      await record.isRecorded();
      return response;
    } catch (error) {
      record.failed(inner, error);
      await record.isRecorded();
      throw error;
    } finally {
      scope.user = inner.user;
    }
  };
}

/** A login that failed is recorded, too: who it was nobody knows, so what the policy says of nobody in particular counts. */
export function withFailedAuthenticationAudit(options: AuditFilterOptions): Filter {
  const { policy, clock } = options;
  return (next) => async (scope) => {
    const nobody: UserInfo = { name: "", groups: [] };
    const before = scope.user;
    try {
      return await next(scope);
    } catch (error) {
      // Whoever is known by now has been let in; what was refused then is recorded further in.
      if (!(error instanceof StatusError) || error.code !== 401 || scope.user !== before) throw error;
      const config = policy.configFor(attributesOfRequest(scope.info, nobody));
      if (config.level !== "None") {
        const record = new AuditRecord(options, { ...scope, user: nobody }, config, clock.now());
        record.status = bounded(error.toStatus());
        record.emit("ResponseStarted");
        await record.isRecorded();
      }
      throw error;
    }
  };
}

/** What is told of one request, as it becomes known. */
class AuditRecord implements AuditNotes {
  readonly #options: AuditFilterOptions;
  readonly #config: AuditConfig;
  readonly #receivedMs: number;
  readonly #user: UserInfo;
  #scope: RequestScope;
  status: Partial<Status> | undefined;
  #hasRequest = false;
  #requestObject: unknown;
  #requestMetadata: Readonly<Record<string, unknown>> = {};
  #constraint = "";
  #responseObject: unknown;
  /** Of what was told since somebody asked. */
  #results: (boolean | Promise<boolean>)[] = [];
  readonly #events: CounterSeries;

  constructor(options: AuditFilterOptions, scope: RequestScope, config: AuditConfig, receivedMs: number) {
    this.#options = options;
    this.#scope = scope;
    this.#user = scope.user;
    this.#config = config;
    this.#receivedMs = receivedMs;
    this.#events = options.metrics
      .counter("apiserver_audit_event_total", "Counter of audit events generated and sent to the audit backend.")
      .series();
  }

  /** Waits for what has been told so far to be on record; false when it is lost. */
  async isRecorded(): Promise<boolean> {
    const results = this.#results;
    this.#results = [];
    return allRecorded(results);
  }

  noteRequest(object: unknown): void {
    // A patch has made an object by now that the client has not sent.
    if (this.#hasRequest) return;
    this.#hasRequest = true;
    if (isJsonObject(object) && isJsonObject(object["metadata"])) this.#requestMetadata = { ...object["metadata"] };
    if (this.#config.level !== "Request" && this.#config.level !== "RequestResponse") return;
    this.#requestObject = this.#copyOf(typeof object === "string" ? patchOf(object) : object);
  }

  noteDecision(decision: "allow" | "forbid", reason: string): void {
    this.#scope.auditAnnotations.set("authorization.k8s.io/decision", decision);
    this.#scope.auditAnnotations.set("authorization.k8s.io/reason", reason);
  }

  noteImpersonation(constraint: string): void {
    this.#constraint = constraint;
  }

  answered(scope: RequestScope, response: HttpResponse): HttpResponse {
    this.#scope = scope;
    this.status = { metadata: {}, code: response.status };
    const { body } = response;
    const isLong = isLongRunning(scope.info);
    if (isLong) this.emit("ResponseStarted");
    const type = response.headers["content-type"] ?? "";
    if (typeof body !== "function") {
      if (body && !isLong) this.#noteResponse(body instanceof Uint8Array ? body : concatBytes(body), type);
      this.emit("ResponseComplete");
      return response;
    }
    // What is written over time is complete when nothing more comes.
    const chunks: Uint8Array[] | undefined = this.#config.level === "RequestResponse" && !isLong ? [] : undefined;
    return {
      ...response,
      body: async (sink) => {
        try {
          await body(chunks ? copying(sink, chunks) : sink);
        } finally {
          if (chunks) this.#noteResponse(concatBytes(chunks), type);
          this.emit("ResponseComplete");
          await this.isRecorded();
        }
      },
    };
  }

  failed(scope: RequestScope, error: unknown): void {
    this.#scope = scope;
    if (error instanceof StatusError) {
      const status = error.toStatus();
      this.status = bounded(status);
      if (this.#config.level === "RequestResponse") this.#responseObject = status;
      this.emit("ResponseComplete");
      return;
    }
    const message = `APIServer panic'd: ${error instanceof Error ? error.message : String(error)}`;
    this.status = { metadata: {}, status: "Failure", message, reason: "InternalError", code: 500 };
    this.emit("Panic");
  }

  emit(stage: AuditStage): void {
    const { level, omitStages } = this.#config;
    if (omitStages.has(stage)) return;
    const { http, info, auditId, user, auditAnnotations: annotations } = this.#scope;
    const query = http.query.toString();
    const userAgent = http.headers["user-agent"];
    this.#events.value++;
    const event: AuditEvent = {
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level,
      auditID: auditId,
      stage,
      requestURI: query === "" ? http.path : `${http.path}?${query}`,
      verb: info.verb,
      user: userOf(this.#user),
      // Found further down the chain; the same user when nobody is impersonated.
      ...(user === this.#user ? {} : { impersonatedUser: userOf(user) }),
      ...(this.#constraint === "" ? {} : { authenticationMetadata: { impersonationConstraint: this.#constraint } }),
      sourceIPs: sourcesOf(http),
      ...(userAgent ? { userAgent } : {}),
      ...this.#objectRef(),
      ...(this.status && stage !== "RequestReceived" ? { responseStatus: this.status } : {}),
      ...(this.#requestObject === undefined ? {} : { requestObject: this.#requestObject }),
      ...(this.#responseObject === undefined ? {} : { responseObject: this.#responseObject }),
      requestReceivedTimestamp: formatMicroTime(this.#receivedMs),
      stageTimestamp: formatMicroTime(this.#options.clock.now()),
      ...(annotations.size > 0 ? { annotations: Object.fromEntries(annotations) } : {}),
    };
    this.#results.push(this.#options.sink.record([event]));
  }

  /** What the request is about; an object to be created tells its own name. */
  #objectRef(): Pick<AuditEvent, "objectRef"> {
    const { info } = this.#scope;
    if (!info.isResourceRequest) return {};
    const metadata = this.#requestMetadata;
    const told = (name: string): string => (typeof metadata[name] === "string" ? metadata[name] : "");
    const { resource, namespace, name, apiGroup, apiVersion, subresource } = info;
    const parts = {
      resource,
      namespace: namespace || told("namespace"),
      name: name || told("name"),
      uid: told("uid"),
      apiGroup,
      apiVersion,
      resourceVersion: told("resourceVersion"),
      subresource,
    };
    return { objectRef: Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== "")) };
  }

  #noteResponse(bytes: Uint8Array, contentType: string): void {
    const isWanted = this.#config.level === "RequestResponse";
    // What was done is told at every level, and answers to deletions say it.
    if (bytes.length === 0 || (!isWanted && !this.#scope.info.verb.startsWith("delete"))) return;
    const object = this.#parsed(bytes, contentType.split(";", 1)[0] ?? "");
    if (isJsonObject(object) && object["kind"] === "Status" && object["apiVersion"] === "v1")
      this.status = { ...bounded(object), ...this.status };
    if (isWanted && object !== undefined) this.#responseObject = this.#copyOf(object);
  }

  #parsed(bytes: Uint8Array, type: string): unknown {
    if (type === "application/json") return parseJson(bytes).value;
    if (type === "application/yaml") return parseYaml(bytes).value;
    if (type !== protobufType) return undefined;
    const { apiVersion, kind, raw } = readEnvelope(bytes);
    const slash = apiVersion.indexOf("/");
    const message = this.#options.scheme.kind(
      apiVersion.slice(0, Math.max(slash, 0)),
      apiVersion.slice(slash + 1),
      kind,
    );
    return message?.fromProtobuf && { kind, apiVersion, ...message.fromProtobuf(raw) };
  }

  /** Others go on changing what they have noted. */
  #copyOf(object: unknown): unknown {
    const copy = cloneJson(object);
    if (this.#config.omitManagedFields && isJsonObject(copy)) {
      dropManagedFields(copy);
      if (Array.isArray(copy["items"])) copy["items"].forEach(dropManagedFields);
      if (Array.isArray(copy["rows"]))
        for (const row of copy["rows"]) if (isJsonObject(row)) dropManagedFields(row["object"]);
    }
    return copy;
  }
}

/** What of a Status is told in the event itself. */
function bounded({ status, message, reason, details, code }: Partial<Status>): Partial<Status> {
  return {
    metadata: {},
    ...(status ? { status } : {}),
    ...(message ? { message } : {}),
    ...(reason ? { reason } : {}),
    ...(details ? { details } : {}),
    ...(code ? { code } : {}),
  };
}

function dropManagedFields(object: unknown): void {
  if (isJsonObject(object) && isJsonObject(object["metadata"])) delete object["metadata"]["managedFields"];
}

function patchOf(text: string): unknown {
  try {
    return parseJson(text).value;
  } catch {
    // No patch at all: the answer says so.
    return text;
  }
}

function copying(sink: ByteSink, chunks: Uint8Array[]): ByteSink {
  return {
    signal: sink.signal,
    drained: () => sink.drained(),
    write: (parts) => {
      chunks.push(...parts);
      return sink.write(parts);
    },
  };
}

function userOf({ name: username, uid, groups, extra }: UserInfo): AuditEvent["user"] {
  if (username === "") return {} as AuditEvent["user"];
  return { username, ...(uid ? { uid } : {}), ...(groups.length > 0 ? { groups } : {}), ...(extra ? { extra } : {}) };
}

/** As proxies before this server tell it, and who asked it. */
function sourcesOf({ headers, peer }: HttpRequest): readonly string[] {
  const forwarded = (headers["x-forwarded-for"] ?? "").split(",").map((each) => each.trim());
  return [...new Set([...forwarded, headers["x-real-ip"] ?? "", peer.address])].filter((each) => each !== "");
}
