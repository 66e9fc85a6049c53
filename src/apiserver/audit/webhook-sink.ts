import { backoffDelay } from "../../component-base/backoff.ts";
import { utf8Encode } from "../../component-base/bytes.ts";
import { sleep } from "../../component-base/clock.ts";
import { reportLostEvents } from "./audit-errors.ts";
import type { AuditEnvironment } from "./audit-pipeline.ts";
import type { AuditEvent, AuditSink } from "./audit-sink.ts";

/** Upstream's, the first included. */
const attemptsMax = 5;

/** The server events are sent to. */
export interface AuditReceiver {
  /** Sends JSON. Rejects with what went wrong unless it was answered that all is well. */
  post(body: Uint8Array): Promise<void>;
}

/** Sends events to a server as an EventList, again for a while whatever goes wrong. */
export class WebhookSink implements AuditSink {
  readonly #receiver: AuditReceiver;
  readonly #initialBackoffMs: number;
  readonly #environment: AuditEnvironment;

  constructor(receiver: AuditReceiver, initialBackoffMs: number, environment: AuditEnvironment) {
    this.#receiver = receiver;
    this.#initialBackoffMs = initialBackoffMs;
    this.#environment = environment;
  }

  async record(events: readonly AuditEvent[]): Promise<boolean> {
    const { clock, random } = this.#environment;
    const backoff = { initialMs: this.#initialBackoffMs, maxMs: Number.POSITIVE_INFINITY, factor: 1.5, jitter: 0.2 };
    const list = { kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items: events };
    const body = utf8Encode(JSON.stringify(list));
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#receiver.post(body);
        return true;
      } catch (error) {
        if (attempt === attemptsMax) {
          reportLostEvents("webhook", events, error, this.#environment);
          return false;
        }
        await sleep(clock, backoffDelay(backoff, attempt, random));
      }
    }
  }
}
