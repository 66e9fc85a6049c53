import type { StatusError } from "../../../apimachinery/errors/status-error.ts";
import { matches, selectsAll } from "../selection.ts";
import type { Selection } from "../selection.ts";
import type { ObjectChange, ResourceEvent } from "./object-change.ts";

/** Receives one watch's events. */
export interface WatchConsumer {
  /** All that has come since the last call, in order; at most once per turn. Must be quick and must not throw. */
  deliver(events: readonly ResourceEvent[]): void;
  /** The watch ends, other than by its own close; with an error when the client should be told one. */
  end(error?: StatusError): void;
}

/** One watch: evaluates the selection and keeps what its consumer has not been given yet. */
export class CacheWatcher {
  readonly selection: Selection;
  readonly #selectsAll: boolean;
  readonly #consumer: WatchConsumer;
  #pending: ResourceEvent[] = [];
  /** Changes up to this revision are not for this watcher. */
  #revision: number;
  isOpen = true;

  constructor(selection: Selection, revision: number, consumer: WatchConsumer) {
    this.selection = selection;
    this.#selectsAll = selectsAll(selection);
    this.#revision = revision;
    this.#consumer = consumer;
  }

  /** True when there is something to flush that was not there before. */
  offer(change: ObjectChange): boolean {
    if (change.revision <= this.#revision) return false;
    const event = this.#eventOf(change);
    if (!event) return false;
    return this.#pending.push(event) === 1;
  }

  /** The revision up to which changes are not for this watcher. */
  get revision(): number {
    return this.#revision;
  }

  /** From now on, changes up to this revision are known. One revision may have many changes, so `offer` cannot tell. */
  skipTo(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
  }

  flush(): void {
    const events = this.#pending;
    if (events.length === 0 || !this.isOpen) return;
    this.#pending = [];
    this.#consumer.deliver(events);
  }

  end(error?: StatusError): void {
    if (!this.isOpen) return;
    this.flush();
    this.isOpen = false;
    this.#consumer.end(error);
  }

  #eventOf(change: ObjectChange): ResourceEvent | undefined {
    const { current, previous } = change;
    const { namespace } = this.selection;
    if (namespace !== undefined && (current ?? previous)?.namespace !== namespace) return undefined;
    if (this.#selectsAll) return change.eventFor(current !== undefined, previous !== undefined);
    return change.eventFor(
      current !== undefined && matches(this.selection, current),
      previous !== undefined && matches(this.selection, previous),
    );
  }
}
