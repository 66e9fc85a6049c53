import { utf8Decode } from "../../component-base/bytes.ts";
import type { Backend, KeyRange, Revision, Watch, WatchEvent } from "../backend.ts";
import { prefixRange } from "../backend.ts";

/** Collects what a watch delivers and lets tests await it. */
export class WatchRecorder {
  readonly events: WatchEvent[] = [];
  /** The events of each call. */
  readonly calls: (readonly WatchEvent[])[] = [];
  /** Resolves when the watch ends other than by cancel. */
  readonly closed: Promise<Error>;
  readonly watch: Watch;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(
    backend: Backend,
    options: { readonly range?: KeyRange; readonly fromRevision?: Revision; readonly onEvents?: () => void } = {},
  ) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.closed = promise;
    this.watch = backend.watch(options.range ?? prefixRange("/"), {
      ...(options.fromRevision !== undefined && { fromRevision: options.fromRevision }),
      onEvents: (events) => {
        this.calls.push(events);
        this.events.push(...events);
        options.onEvents?.();
        for (const waiting of this.#waiting) if (this.events.length >= waiting.count) waiting.resolve();
      },
      onClose: resolve,
    });
  }

  /** Resolves with the events, as text, once there are at least so many. */
  async until(count: number): Promise<readonly string[]> {
    if (this.events.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    }
    return this.text();
  }

  /** Like `put /a=1@2` and `delete /a (was 1)@3`. */
  text(): readonly string[] {
    return this.events.map(describeEvent);
  }
}

function describeEvent({ type, current, previous }: WatchEvent): string {
  const was = previous ? ` (was ${utf8Decode(previous.value)})` : "";
  const value = type === "put" ? `=${utf8Decode(current.value)}` : "";
  return `${type} ${current.key}${value}${was}@${current.modRevision}`;
}
