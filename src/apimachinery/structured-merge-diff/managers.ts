import type { FieldSet } from "./field-set.ts";
import { type Path, formatPath } from "./path-element.ts";

/** The fields of one manager, named as in one API version. */
export interface VersionedSet {
  readonly set: FieldSet;
  readonly apiVersion: string;
  /** By server-side apply, not by an update. */
  readonly isApplied: boolean;
}

/** Who manages what, by identifier of the manager. */
export type Managers = ReadonlyMap<string, VersionedSet>;

export interface Conflict {
  readonly manager: string;
  readonly path: Path;
}

/** An apply would change what others manage. The conflicts are sorted by manager, then by path. */
export class ConflictError extends Error {
  override readonly name = "ConflictError";
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(conflicts.map(({ manager, path }) => `conflict with ${manager}: ${formatPath(path)}`).join("\n"));
    this.conflicts = conflicts;
  }
}
