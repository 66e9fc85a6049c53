import type { FlowSchema, PriorityLevelConfiguration } from "../../api/flowcontrol/v1/types.gen.ts";
import { flowSchemas, priorityLevelConfigurations } from "../../api/resources.gen.ts";
import type { KubeObject, Mutable, ResourceType } from "../../apimachinery/resource-type.ts";
import {
  mandatoryLevels,
  mandatorySchemas,
  suggestedLevels,
  suggestedSchemas,
} from "../../apiserver/flowcontrol/default-objects.ts";
import type { DefaultObject } from "../../apiserver/flowcontrol/default-objects.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { sleep } from "../../component-base/clock.ts";
import type { Clock } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import type { SystemWriter } from "./system-writer.ts";

const autoUpdate = "apf.kubernetes.io/autoupdate-spec";
// After a change others are likely to follow. Upstream looks once a minute.
const settleMs = 1000;

/** The objects of flow control that are there. */
export interface FlowControlListers {
  readonly schemas: StorageLister<FlowSchema>;
  readonly levels: StorageLister<PriorityLevelConfiguration>;
}

/**
 * Brings the default flow schemas and priority levels to what they are upstream. The mandatory ones are always restored,
 * the suggested ones unless an administrator annotated them `apf.kubernetes.io/autoupdate-spec: "false"`, or changed their
 * specification when they had no annotation. Those of an earlier version that are kept up to date, and are no more, go.
 */
export async function ensureFlowControl(writer: SystemWriter, { schemas, levels }: FlowControlListers): Promise<void> {
  await Promise.all([
    ensureAll(writer, priorityLevelConfigurations, suggestedLevels, mandatoryLevels),
    ensureAll(writer, flowSchemas, suggestedSchemas, mandatorySchemas),
  ]);
  await removeFormer(writer, flowSchemas, schemas, [...suggestedSchemas, ...mandatorySchemas]);
  await removeFormer(writer, priorityLevelConfigurations, levels, [...suggestedLevels, ...mandatoryLevels]);
}

/** Does it again after every change of one of them, until the signal aborts. */
export async function keepFlowControl(
  options: {
    readonly writer: SystemWriter;
    readonly listers: FlowControlListers;
    readonly clock: Clock;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  const { writer, listers, clock, logger } = options;
  const wake = new EventSignal();
  const unsubscribe = [listers.schemas, listers.levels].map((lister) => lister.onChange(() => wake.set()));
  try {
    for (;;) {
      await wake.wait(signal);
      if (signal.aborted) return;
      await sleep(clock, settleMs, signal);
      try {
        await ensureFlowControl(writer, listers);
      } catch (error) {
        logger.info("default flow control could not be written, trying again", { error });
        wake.set();
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const stop of unsubscribe) stop();
  }
}

type Configured = KubeObject & { readonly spec: object };

async function ensureAll<T extends Configured>(
  writer: SystemWriter,
  type: ResourceType<T>,
  suggested: readonly DefaultObject<T["spec"]>[],
  mandatory: readonly DefaultObject<T["spec"]>[],
): Promise<void> {
  const ensure = async (
    { metadata: { name }, spec }: DefaultObject<T["spec"]>,
    isMandatory: boolean,
  ): Promise<void> => {
    const object = { metadata: { name, annotations: { [autoUpdate]: "true" } }, spec };
    await writer.reconcile<KubeObject>(type, object, (current) =>
      restore(current as Mutable<Configured>, spec, isMandatory),
    );
  };
  await Promise.all([...suggested.map((each) => ensure(each, false)), ...mandatory.map((each) => ensure(each, true))]);
}

function restore(object: Mutable<Configured>, spec: object, isMandatory: boolean): void {
  const { metadata } = object;
  const told = parseBool(metadata.annotations?.[autoUpdate] ?? "");
  const isKept = isMandatory || (told ?? metadata.generation === 1);
  if (told !== isKept) metadata.annotations = { ...metadata.annotations, [autoUpdate]: String(isKept) };
  if (isKept && !semanticEqual(object.spec, wantedSpec(spec, object.spec))) object.spec = wantedSpec(spec, object.spec);
}

/** What the exempt level lends and counts is the administrator's. */
function wantedSpec(spec: object, current: object): Mutable<object> {
  const copy = structuredClone(spec);
  return "exempt" in copy && "exempt" in current ? { ...copy, exempt: current.exempt } : copy;
}

async function removeFormer<T extends Configured>(
  writer: SystemWriter,
  type: ResourceType<T>,
  lister: StorageLister<T>,
  defaults: readonly DefaultObject<T["spec"]>[],
): Promise<void> {
  const names = new Set(defaults.map(({ metadata }) => metadata.name));
  const former = lister
    .list()
    .filter(
      ({ metadata }) => !names.has(metadata.name ?? "") && parseBool(metadata.annotations?.[autoUpdate] ?? "") === true,
    );
  for (const { metadata } of former) await writer.remove(type, "", metadata.name ?? "");
}

/** As Go reads booleans; undefined for what is none. */
function parseBool(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  return ["0", "f", "F", "FALSE", "false", "False"].includes(text) ? false : undefined;
}
