import { utf8Encode } from "../../component-base/bytes.ts";
import { reportLostEvents } from "./audit-errors.ts";
import type { AuditEnvironment } from "./audit-pipeline.ts";
import { allRecorded } from "./audit-sink.ts";
import type { AuditEvent, AuditSink } from "./audit-sink.ts";

/** Bytes of JSON. */
export interface TruncateLimits {
  readonly eventBytesMax: number;
  readonly batchBytesMax: number;
}

/**
 * Takes the bodies out of events that are too large, and notes it; those that still are, are lost. Batches that are too large
 * are parted.
 */
export function truncating(sink: AuditSink, limits: TruncateLimits, environment: AuditEnvironment): AuditSink {
  const { eventBytesMax, batchBytesMax } = limits;
  return {
    record: (events) => {
      const results: (boolean | Promise<boolean>)[] = [];
      const lost: AuditEvent[] = [];
      let batch: AuditEvent[] = [];
      let batchBytes = 0;
      for (const given of events) {
        let event = given;
        let bytes = sizeOf(event);
        if (bytes > eventBytesMax && (event.level === "Request" || event.level === "RequestResponse")) {
          event = withoutBodies(event);
          bytes = sizeOf(event);
        }
        if (bytes > eventBytesMax) {
          lost.push(event);
          continue;
        }
        if (batch.length > 0 && batchBytes + bytes > batchBytesMax) {
          results.push(sink.record(batch));
          batch = [];
          batchBytes = 0;
        }
        batch.push(event);
        batchBytes += bytes;
      }
      if (batch.length > 0) results.push(sink.record(batch));
      if (lost.length > 0)
        reportLostEvents("truncate", lost, new Error("event is too large even after truncating"), environment);
      return allRecorded(results);
    },
  };
}

function sizeOf(event: AuditEvent): number {
  return utf8Encode(JSON.stringify(event)).length;
}

function withoutBodies(event: AuditEvent): AuditEvent {
  const { requestObject: _request, responseObject: _response, annotations, ...rest } = event;
  return { ...rest, annotations: { ...annotations, "audit.k8s.io/truncated": "true" } };
}
