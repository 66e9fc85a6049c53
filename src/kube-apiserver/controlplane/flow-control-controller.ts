import type { FlowSchema } from "../../api/flowcontrol/v1/types.gen.ts";
import { flowSchemas } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { borrowingPeriodMs } from "../../apiserver/flowcontrol/flow-control.ts";
import type { FlowControl } from "../../apiserver/flowcontrol/flow-control.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { sleep } from "../../component-base/clock.ts";
import type { Clock } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import { formatTime } from "../../component-helpers/time.ts";
import type { FlowControlListers } from "./default-flow-control.ts";
import type { SystemWriter } from "./system-writer.ts";

// Between two rounds of writing conditions, so that a quarrel over one stays slow.
const betweenWritesMs = 1000;

/**
 * Puts flow schemas and priority levels into force, in the turn in which they change, lets levels borrow from each other, and
 * tells schemas whose level is missing.
 */
export class FlowControlController {
  readonly #flowControl: FlowControl;
  readonly #listers: FlowControlListers;
  readonly #writer: SystemWriter;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(options: {
    readonly flowControl: FlowControl;
    readonly listers: FlowControlListers;
    readonly writer: SystemWriter;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#flowControl = options.flowControl;
    this.#listers = options.listers;
    this.#writer = options.writer;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Resolves when all that is there is in force and told. */
  async start(): Promise<void> {
    this.#configure();
    await this.#tellAll();
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = new EventSignal();
    const { schemas, levels } = this.#listers;
    const unsubscribe = [schemas.onChange(() => wake.set()), levels.onChange(() => wake.set())];
    wake.set();
    try {
      await Promise.all([this.#follow(wake, signal), this.#borrow(signal)]);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const stop of unsubscribe) stop();
    }
  }

  async #follow(wake: EventSignal, signal: AbortSignal): Promise<void> {
    for (;;) {
      await wake.wait(signal);
      if (signal.aborted) return;
      this.#configure();
      if (this.#untold().length === 0) continue;
      try {
        await this.#tellAll();
      } catch (error) {
        this.#logger.info("a flow schema's condition could not be written, trying again", { error });
        wake.set();
      }
      await sleep(this.#clock, betweenWritesMs, signal);
    }
  }

  async #borrow(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#clock, borrowingPeriodMs, signal);
      this.#flowControl.adjust();
    }
  }

  #configure(): void {
    this.#flowControl.configure(this.#listers.levels.list(), this.#listers.schemas.list());
  }

  #untold(): readonly FlowSchema[] {
    return this.#listers.schemas.list().filter((schema) => {
      const wanted = this.#conditionOf(schema);
      const told = schema.status.conditions?.find(({ type }) => type === wanted.type);
      return told?.status !== wanted.status || told.reason !== wanted.reason || told.message !== wanted.message;
    });
  }

  async #tellAll(): Promise<void> {
    await Promise.all(
      this.#untold().map(async (schema) => {
        const lastTransitionTime = formatTime(this.#clock.now());
        const condition = { ...this.#conditionOf(schema), lastTransitionTime };
        try {
          await this.#writer.updateStatus(flowSchemas, "", schema.metadata.name, ({ status }) => {
            const others = status.conditions?.filter(({ type }) => type !== condition.type) ?? [];
            status.conditions = [...others, condition];
          });
        } catch (error) {
          // Gone meanwhile.
          if (!isNotFound(error)) throw error;
        }
      }),
    );
  }

  #conditionOf({ spec }: FlowSchema): { readonly [key in "type" | "status" | "reason" | "message"]: string } {
    const { name } = spec.priorityLevelConfiguration;
    const isThere = this.#flowControl.isLevel(name);
    const references = `This FlowSchema references the PriorityLevelConfiguration object named ${goQuote(name)}`;
    return {
      type: "Dangling",
      status: isThere ? "False" : "True",
      reason: isThere ? "Found" : "NotFound",
      message: isThere ? `${references} and it exists` : `${references} but there is no such object`,
    };
  }
}
