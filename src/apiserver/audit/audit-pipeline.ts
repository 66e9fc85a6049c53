import type { Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { Random } from "../../component-base/random.ts";
import { allRecorded } from "./audit-sink.ts";
import type { AuditSink } from "./audit-sink.ts";
import { BufferedSink } from "./buffered-sink.ts";
import type { BatchOptions } from "./buffered-sink.ts";
import { truncating } from "./truncating-sink.ts";
import type { TruncateLimits } from "./truncating-sink.ts";

/**
 * How a backend takes events: later and together, while requests wait, or while requests wait and those that cannot be recorded
 * when they come are refused.
 */
export const auditModes = ["batch", "blocking", "blocking-strict"] as const;
export type AuditMode = (typeof auditModes)[number];

export interface PipelineOptions {
  readonly mode: AuditMode;
  /** Of the batch mode. */
  readonly batch: BatchOptions;
  /** Events stay as they are unless given. */
  readonly truncate?: TruncateLimits;
}

export interface AuditEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** A backend with what stands before it; what is waiting is sent when it is disposed. The backend stays the caller's. */
export function auditPipeline(
  backend: AuditSink,
  { mode, batch, truncate }: PipelineOptions,
  environment: AuditEnvironment,
): AuditSink & AsyncDisposable {
  const buffered = mode === "batch" ? new BufferedSink(backend, batch, environment) : undefined;
  const taken = buffered ?? (mode === "blocking" ? lenient(backend) : backend);
  const first = truncate ? truncating(taken, truncate, environment) : taken;
  return {
    record: (events) => first.record(events),
    [Symbol.asyncDispose]: async () => buffered?.[Symbol.asyncDispose](),
  };
}

/** Gives every event to each of them. */
export function union(sinks: readonly AuditSink[]): AuditSink {
  const [only, ...others] = sinks;
  if (only && others.length === 0) return only;
  return { record: (events) => allRecorded(sinks.map((sink) => sink.record(events))) };
}

/** Requests wait for it, and go on also when it fails; it has told so. */
function lenient(sink: AuditSink): AuditSink {
  return {
    record: (events) => {
      const result = sink.record(events);
      return typeof result === "boolean" ? true : result.then(() => true);
    },
  };
}
