import type { APIService, APIServiceCondition } from "../api/apiregistration/v1/types.gen.ts";
import { compareVersions } from "../apimachinery/group-version.ts";
import type { Mutable } from "../apimachinery/resource-type.ts";
import { formatTime } from "../component-helpers/time.ts";

/** `v1.apps`; that of the legacy group ends with the dot. */
export function apiServiceName({ group, version }: { readonly group: string; readonly version: string }): string {
  return `${version}.${group}`;
}

/** The group and version an APIService is named by. Everything after the first dot is the group. */
export function groupVersionOfName(name: string): { readonly group: string; readonly version: string } {
  const dot = name.indexOf(".");
  return { version: name.slice(0, dot), group: name.slice(dot + 1) };
}

/** What is said of the one condition there is. */
export interface Availability {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Of what this server serves itself. */
export const localAvailability: Availability = {
  status: "True",
  reason: "Local",
  message: "Local APIServices are always available",
};

export function availableCondition({ status }: APIService): APIServiceCondition | undefined {
  return status.conditions?.find(({ type }) => type === "Available");
}

export function isAvailable(object: APIService): boolean {
  return availableCondition(object)?.status === "True";
}

/** In place; the time of the last transition changes with the status only. */
export function setAvailability(object: Mutable<APIService>, availability: Availability, nowMs: number): void {
  const conditions = (object.status.conditions ??= []);
  const found = conditions.find(({ type }) => type === "Available");
  if (!found) {
    const { status, reason, message } = availability;
    conditions.push({ type: "Available", status, lastTransitionTime: formatTime(nowMs), reason, message });
    return;
  }
  if (found.status !== availability.status) found.lastTransitionTime = formatTime(nowMs);
  Object.assign(found, availability);
}

/** How a version is ordered among the others. */
export interface PrioritizedVersion {
  readonly group: string;
  readonly version: string;
  readonly groupPriority: number;
  readonly versionPriority: number;
}

/**
 * Versions by group, in the order they are told: groups by the highest priority of any of their versions, those of equal
 * priority by `nameOf`; versions by theirs, then the more stable and newer first.
 */
export function sortedByGroup<T extends PrioritizedVersion>(
  all: readonly T[],
  nameOf: (version: T) => string,
): readonly (readonly T[])[] {
  const byGroup = all.toSorted(
    (a, b) => b.groupPriority - a.groupPriority || (nameOf(a) < nameOf(b) ? -1 : Number(nameOf(a) > nameOf(b))),
  );
  const groups = Map.groupBy(byGroup, ({ group }) => group);
  return [...groups.values()].map((versions) =>
    versions.toSorted((a, b) => b.versionPriority - a.versionPriority || compareVersions(a.version, b.version)),
  );
}
