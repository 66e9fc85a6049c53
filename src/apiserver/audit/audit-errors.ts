import { errorText } from "../../component-base/logger.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { AuditEvent } from "./audit-sink.ts";

/** Counts and logs events that will not be on record; `plugin` is what failed. */
export function reportLostEvents(
  plugin: "buffered" | "log" | "truncate" | "webhook",
  events: readonly AuditEvent[],
  error: unknown,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: MetricRegistry },
): void {
  metrics
    .counter("apiserver_audit_error_total", "Audit events that could not be written.", ["plugin"])
    .add(events.length, plugin);
  const auditIds = events.slice(0, 10).map(({ auditID }) => auditID);
  logger.error("audit events are lost", { plugin, count: events.length, auditIds, error: errorText(error) });
}
