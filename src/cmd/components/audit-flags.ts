import { readFile } from "node:fs/promises";

import { parseYaml } from "../../apimachinery/yaml/parse.ts";
import type { AuditMode, PipelineOptions } from "../../apiserver/audit/audit-pipeline.ts";
import { auditModes } from "../../apiserver/audit/audit-pipeline.ts";
import { AuditPolicy } from "../../apiserver/audit/audit-policy.ts";
import { UsageError } from "../arguments.ts";
import type { FlagsOf } from "../flags.ts";
import type { ApiServerSettings } from "../run-apiserver.ts";
import { readKubeconfigFile } from "./run-alone.ts";

/** Upstream's flags of audit policy and backends. */
export const auditFlags = {
  "audit-policy-file": "string",
  "audit-log-batch-buffer-size": "int",
  "audit-log-batch-max-size": "int",
  "audit-log-batch-max-wait": "duration",
  "audit-log-batch-throttle-burst": "int",
  "audit-log-batch-throttle-enable": "bool",
  "audit-log-batch-throttle-qps": "string",
  "audit-log-maxage": "int",
  "audit-log-maxbackup": "int",
  "audit-log-maxsize": "int",
  "audit-log-mode": "string",
  "audit-log-path": "string",
  "audit-log-truncate-enabled": "bool",
  "audit-log-truncate-max-batch-size": "int",
  "audit-log-truncate-max-event-size": "int",
  "audit-log-version": "string",
  "audit-webhook-batch-buffer-size": "int",
  "audit-webhook-batch-max-size": "int",
  "audit-webhook-batch-max-wait": "duration",
  "audit-webhook-batch-throttle-burst": "int",
  "audit-webhook-batch-throttle-enable": "bool",
  "audit-webhook-batch-throttle-qps": "string",
  "audit-webhook-config-file": "string",
  "audit-webhook-initial-backoff": "duration",
  "audit-webhook-mode": "string",
  "audit-webhook-truncate-enabled": "bool",
  "audit-webhook-truncate-max-batch-size": "int",
  "audit-webhook-truncate-max-event-size": "int",
  "audit-webhook-version": "string",
} as const;
type AuditFlags = FlagsOf<typeof auditFlags>;
type Plugin = "log" | "webhook";

/** Upstream's, by backend. The file is written event by event while requests wait; webhooks are sent batches. */
const defaults = {
  log: { mode: "blocking", batchMax: 1, waitMaxMs: 30_000, isThrottled: false, isConcurrent: false },
  webhook: { mode: "batch", batchMax: 400, waitMaxMs: 30_000, isThrottled: true, isConcurrent: true },
} as const;
const bufferMax = 10_000;
const throttleQps = 10;
const throttleBurst = 15;
const batchBytesMax = 10 * 1024 * 1024;
const eventBytesMax = 100 * 1024;
const initialBackoffMs = 10_000;

/** Without a policy and a backend nothing is recorded. Throws UsageError with upstream's texts. */
export async function auditOf(flags: AuditFlags): Promise<ApiServerSettings["audit"]> {
  const log = flags["audit-log-path"];
  const webhook = flags["audit-webhook-config-file"];
  const pipelines = { log: pipelineOf("log", flags), webhook: pipelineOf("webhook", flags) };
  const file = flags["audit-policy-file"];
  if (file === undefined || (log === undefined && webhook === undefined)) return undefined;
  let policy: AuditPolicy;
  try {
    policy = AuditPolicy.parse(parseYaml(await readFile(file, "utf8")).value);
  } catch (error) {
    throw new UsageError(`loading audit policy file: ${error instanceof Error ? error.message : String(error)}`);
  }
  return {
    policy,
    ...(log === undefined
      ? {}
      : {
          log: {
            path: log,
            sizeMaxMegabytes: flags["audit-log-maxsize"] ?? 0,
            backupsMax: flags["audit-log-maxbackup"] ?? 0,
            ageMaxDays: flags["audit-log-maxage"] ?? 0,
            pipeline: pipelines.log,
          },
        }),
    ...(webhook === undefined
      ? {}
      : {
          webhook: {
            receiver: await readKubeconfigFile(webhook, false),
            initialBackoffMs: flags["audit-webhook-initial-backoff"] ?? initialBackoffMs,
            pipeline: pipelines.webhook,
          },
        }),
  };
}

function pipelineOf(plugin: Plugin, flags: AuditFlags): PipelineOptions {
  const given = defaults[plugin];
  const version = flags[`audit-${plugin}-version`] ?? "audit.k8s.io/v1";
  if (version !== "audit.k8s.io/v1")
    throw new UsageError('invalid group version, allowed versions are [{"audit.k8s.io" "v1"}]');
  const mode = modeOf(plugin, flags[`audit-${plugin}-mode`] ?? given.mode);
  const isThrottled = flags[`audit-${plugin}-batch-throttle-enable`] ?? given.isThrottled;
  const perSecond = Number(flags[`audit-${plugin}-batch-throttle-qps`] ?? throttleQps);
  const burst = flags[`audit-${plugin}-batch-throttle-burst`] ?? throttleBurst;
  const batch = {
    bufferMax: flags[`audit-${plugin}-batch-buffer-size`] ?? bufferMax,
    batchMax: flags[`audit-${plugin}-batch-max-size`] ?? given.batchMax,
    waitMaxMs: flags[`audit-${plugin}-batch-max-wait`] ?? given.waitMaxMs,
    isConcurrent: given.isConcurrent,
    ...(isThrottled ? { throttle: { perSecond, burst } } : {}),
  };
  if (mode === "batch") {
    positive(plugin, "buffer size", batch.bufferMax);
    positive(plugin, "max batch size", batch.batchMax);
    if (isThrottled) {
      positive(plugin, "throttle QPS", perSecond);
      positive(plugin, "throttle burst", burst);
    }
  }
  if (!(flags[`audit-${plugin}-truncate-enabled`] ?? false)) return { mode, batch };
  const truncate = {
    batchBytesMax: flags[`audit-${plugin}-truncate-max-batch-size`] ?? batchBytesMax,
    eventBytesMax: flags[`audit-${plugin}-truncate-max-event-size`] ?? eventBytesMax,
  };
  if (truncate.eventBytesMax <= 0)
    throw new UsageError(
      `invalid audit truncate ${plugin} max event size ${truncate.eventBytesMax}, must be a positive number`,
    );
  if (truncate.batchBytesMax < truncate.eventBytesMax)
    throw new UsageError(
      `invalid audit truncate ${plugin} max batch size ${truncate.batchBytesMax}, must be greater than ` +
        `max event size (${truncate.eventBytesMax})`,
    );
  return { mode, batch, truncate };
}

function modeOf(plugin: Plugin, given: string): AuditMode {
  const mode = auditModes.find((each) => each === given);
  if (mode) return mode;
  throw new UsageError(`invalid audit ${plugin} mode ${given}, allowed modes are "${auditModes.join(",")}"`);
}

function positive(plugin: Plugin, what: string, value: number): void {
  if (value > 0) return;
  throw new UsageError(`invalid audit batch ${plugin} ${what} ${value}, must be a positive number`);
}
