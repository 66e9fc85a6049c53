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

/** As EventRecorder, for components that write events.k8s.io/v1. */
export interface SeriesRecorder {
  /** `action` is what was tried, e.g. `Binding`; `related` is another object that has to do with it. */
  event(
    target: EventTarget,
    type: "Normal" | "Warning",
    reason: string,
    note: string,
    details: { readonly action: string; readonly related?: EventTarget },
  ): void;
}
