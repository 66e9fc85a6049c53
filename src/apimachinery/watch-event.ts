import type { ListMeta, ObjectMeta, Status } from "./meta/v1/types.gen.ts";

/** An object entered, changed within, or left what is watched. DELETED carries the last state. */
export interface ObjectEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
}

/** Says how far the watch has come: an object of the watched kind with nothing but a resourceVersion. */
export interface BookmarkEvent {
  readonly type: "BOOKMARK";
  readonly object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: Pick<ObjectMeta, "resourceVersion" | "annotations"> & ListMeta;
  };
}

/** The watch failed and ends. */
export interface ErrorEvent {
  readonly type: "ERROR";
  readonly object: Status;
}

/** One line of a watch. */
export type WatchEvent<T> = ObjectEvent<T> | BookmarkEvent | ErrorEvent;

/** On the bookmark that ends the initial events of a watch which streams the list first. */
export const initialEventsEndAnnotation = "k8s.io/initial-events-end";
