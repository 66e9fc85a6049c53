import { utf8Encode } from "../../../component-base/bytes.ts";
import type { StoredObject } from "../stored-object.ts";

export type ResourceEventType = "ADDED" | "MODIFIED" | "DELETED";

const frameHeads: Readonly<Record<ResourceEventType, Uint8Array>> = {
  ADDED: utf8Encode('{"type":"ADDED","object":'),
  MODIFIED: utf8Encode('{"type":"MODIFIED","object":'),
  DELETED: utf8Encode('{"type":"DELETED","object":'),
};
const frameTail = utf8Encode("}\n");

/** One event as watchers get it. Shared by all of them, and so are its bytes. */
export class ResourceEvent {
  readonly type: ResourceEventType;
  readonly object: StoredObject;
  /** What it tells of; none for objects that were there when the watch began. */
  readonly change: ObjectChange | undefined;
  #frame: Uint8Array | undefined;
  #protobufFrame: Uint8Array | undefined;

  constructor(type: ResourceEventType, object: StoredObject, change?: ObjectChange) {
    this.type = type;
    this.object = object;
    this.change = change;
  }

  /**
   * The event as one line of a JSON watch stream in the storage version. Made once for all whom the turn of the change tells of
   * it; who comes later has it made again.
   */
  frame(): Uint8Array {
    if (this.#frame) return this.#frame;
    const head = frameHeads[this.type];
    const { bytes } = this.object;
    const frame = new Uint8Array(head.length + bytes.length + frameTail.length);
    frame.set(head);
    frame.set(bytes, head.length);
    frame.set(frameTail, head.length + bytes.length);
    this.#frame = frame;
    return frame;
  }

  /** Lets go of what was made to be sent: it is as large as the object, and changes are remembered for long. */
  forgetFrames(): void {
    this.#frame = undefined;
    this.#protobufFrame = undefined;
  }

  /** The same for a protobuf watch stream, as `make` makes it; every caller's does it alike. */
  protobufFrame(make: (event: ResourceEvent) => Uint8Array): Uint8Array {
    return (this.#protobufFrame ??= make(this));
  }
}

/** One revision of one object: what it was and what it became. */
export class ObjectChange {
  readonly revision: number;
  /** Undefined when the object was deleted. */
  readonly current: StoredObject | undefined;
  /** The state before; of a deletion, that state under the revision of the deletion. */
  readonly previous: StoredObject | undefined;
  #events: Partial<Record<ResourceEventType, ResourceEvent>> = {};
  readonly #departed: (() => StoredObject | undefined) | undefined;

  /** `departed` makes the previous state at this revision, for those whose selection the object has left. */
  constructor(
    revision: number,
    current: StoredObject | undefined,
    previous: StoredObject | undefined,
    departed: () => StoredObject | undefined,
  ) {
    this.revision = revision;
    this.current = current;
    this.previous = previous;
    this.#departed = departed;
  }

  /** What a watcher is told that selects the object now (`isSelected`) and did before (`wasSelected`). */
  eventFor(isSelected: boolean, wasSelected: boolean): ResourceEvent | undefined {
    if (isSelected) return this.#event(wasSelected ? "MODIFIED" : "ADDED", this.current);
    return wasSelected ? this.#event("DELETED", undefined) : undefined;
  }

  forgetFrames(): void {
    for (const event of Object.values(this.#events)) event.forgetFrames();
  }

  #event(type: ResourceEventType, object: StoredObject | undefined): ResourceEvent | undefined {
    const known = this.#events[type];
    if (known) return known;
    const subject = object ?? this.#departed?.();
    if (!subject) return undefined;
    const event = new ResourceEvent(type, subject, this);
    this.#events[type] = event;
    return event;
  }
}
