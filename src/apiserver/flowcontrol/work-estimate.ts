import type { HistogramSeries } from "../../component-base/metrics.ts";
import type { RequestInfo } from "../endpoints/request-info.ts";
import type { WorkEstimate } from "./queue-set.ts";

const seatsMin = 1;
const listSeatsMax = 100;
const mutatingSeatsMax = 10;
const bytesPerSeat = 100_000;
/** A list from the cache is written in pieces. */
const bytesAtOnceMax = 1_000_000;
/** Used where nothing is known of objects that are there. */
const objectBytesMax = 1_500_000;
const watchesPerSeat = 10;
const eventMs = 5;

/** What is stored of one resource. */
export interface ObjectStats {
  readonly count: number;
  readonly averageBytes: number;
}

/** What an estimate depends on besides the request. */
export interface WorkKnowledge {
  /** Undefined for resources that are not stored here. */
  statsOf(group: string, resource: string): ObjectStats | undefined;
  watchesInterestedIn(info: RequestInfo): number;
}

const oneSeat: WorkEstimate = { initialSeats: seatsMin, finalSeats: 0, additionalMs: 0 };

/** The seats of a request, at most `levelSeatsMax` of them. How many watches a change is told to is noted in `watchCount`. */
export function estimateWork(
  info: RequestInfo,
  query: URLSearchParams,
  knowledge: WorkKnowledge,
  levelSeatsMax: number,
  watchCount: HistogramSeries,
): WorkEstimate {
  switch (info.verb) {
    case "list":
      return estimateList(info, query, knowledge, levelSeatsMax);
    case "watch":
      return beginsWithState(query) ? estimateList(info, query, knowledge, levelSeatsMax) : oneSeat;
    case "create":
    case "update":
    case "patch":
    case "delete": {
      // A token is no object that anybody watches.
      if (info.resource === "serviceaccounts" && info.subresource === "token") return oneSeat;
      const watches = knowledge.watchesInterestedIn(info);
      watchCount.observe(watches);
      return estimateChange(watches, levelSeatsMax);
    }
    default:
      return oneSeat;
  }
}

/** A watch that sends what there is costs what a list does. */
function beginsWithState(query: URLSearchParams): boolean {
  if (query.get("sendInitialEvents") === "true") return true;
  const revision = query.get("resourceVersion");
  return revision === null || revision === "" || revision === "0";
}

/** Differs from upstream: every list is one from the cache. */
function estimateList(
  info: RequestInfo,
  query: URLSearchParams,
  knowledge: WorkKnowledge,
  levelSeatsMax: number,
): WorkEstimate {
  const stats = knowledge.statsOf(info.apiGroup, info.resource);
  if (!stats) return oneSeat;
  const limit = Number(query.get("limit") ?? 0);
  let objects = limit > 0 ? Math.min(limit, stats.count) : stats.count;
  if (info.name !== "") objects = 1;
  const averageBytes = stats.averageBytes > 0 || stats.count === 0 ? stats.averageBytes : objectBytesMax;
  const seats = Math.ceil(Math.min(objects * averageBytes, bytesAtOnceMax) / bytesPerSeat);
  return { ...oneSeat, initialSeats: Math.min(Math.max(seats, seatsMin), levelSeatsMax, listSeatsMax) };
}

/** What watchers cost is done after the answer: the same work on no more seats than allowed, for longer. */
function estimateChange(watches: number, levelSeatsMax: number): WorkEstimate {
  if (watches < watchesPerSeat) return oneSeat;
  const seats = Math.ceil(watches / watchesPerSeat);
  const finalSeats = Math.min(seats, levelSeatsMax, mutatingSeatsMax);
  return { initialSeats: seatsMin, finalSeats, additionalMs: (seats * eventMs) / finalSeats };
}
