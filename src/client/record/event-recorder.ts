/** The object an event is about. */
export interface EventTarget {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name?: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
}

export interface EventRecorder {
  /**
   * Records an Event without waiting for it: correlated (same event again becomes a count), rate-limited per source and
   * object, and dropped when the queue is full or the server stays away. `fieldPath` is e.g. `spec.containers{web}`.
   */
  event(target: EventTarget, type: "Normal" | "Warning", reason: string, message: string, fieldPath?: string): void;
}
