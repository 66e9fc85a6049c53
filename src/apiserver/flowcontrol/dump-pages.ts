import type { Clock } from "../../component-base/clock.ts";
import { formatDuration, formatMicroTime } from "../../apimachinery/time.ts";
import { respondText } from "../endpoints/response.ts";
import type { NonResourceRoute } from "../server/generic-api-server-options.ts";
import type { FlowControl, FlowRequest, LevelDump } from "./flow-control.ts";
import type { FlowTicket } from "./queue-set.ts";

const levelColumns = [
  "PriorityLevelName",
  "ActiveQueues",
  "IsIdle",
  "IsQuiescing",
  "WaitingRequests",
  "ExecutingRequests",
  "DispatchedRequests",
  "RejectedRequests",
  "TimedoutRequests",
  "CancelledRequests",
];
const queueColumns = [
  "PriorityLevelName",
  "Index",
  "PendingRequests",
  "ExecutingRequests",
  "SeatsInUse",
  "NextDispatchR",
  "InitialSeatsSum",
  "MaxSeatsSum",
  "TotalWorkSum",
];
const requestColumns = [
  "PriorityLevelName",
  "FlowSchemaName",
  "QueueIndex",
  "RequestIndexInQueue",
  // Upstream's spelling, which readers of these pages know.
  "FlowDistingsher",
  "ArriveTime",
  "InitialSeats",
  "FinalSeats",
  "AdditionalLatency",
  "StartTime",
];
const detailColumns = ["UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion", "Resource", "SubResource"];

/** `/debug/api_priority_and_fairness/dump_*`: what waits and what is executed at this moment, as text in columns. */
export function dumpRoutes(flowControl: FlowControl, clock: Clock): readonly NonResourceRoute[] {
  const page = (name: string, rows: (query: URLSearchParams) => readonly (readonly string[])[]): NonResourceRoute => ({
    path: `/debug/api_priority_and_fairness/${name}`,
    isUnlisted: true,
    handle: async ({ query }) => respondText(200, table(rows(query))),
  });
  return [
    page("dump_priority_levels", () => {
      const levels = [...flowControl.dump()].sort((a, b) => (a.name < b.name ? -1 : 1));
      return [levelColumns, ...levels.map(levelRow)];
    }),
    page("dump_queues", () => [queueColumns, ...flowControl.dump().flatMap(queueRows)]),
    page("dump_requests", (query) => {
      const hasDetails = (query.get("includeRequestDetails") ?? "") !== "";
      const columns = hasDetails ? [...requestColumns, ...detailColumns] : requestColumns;
      return [columns, ...flowControl.dump().flatMap((level) => requestRows(level, clock, hasDetails))];
    }),
  ];
}

function levelRow(level: LevelDump): readonly string[] {
  const { name, queues, isIdle, isQuiescing, waiting, executing, dispatched, rejected, cancelled } = level;
  const active = queues.filter((queue) => queue.waiting.length > 0).length;
  // Upstream counts those whose time is over as cancelled.
  return [name, active, isIdle, isQuiescing, waiting, executing, dispatched, rejected, 0, cancelled].map(String);
}

function queueRows({ name, queues }: LevelDump): readonly (readonly string[])[] {
  return queues.map((queue, index) => [
    name,
    String(index),
    String(queue.waiting.length),
    String(queue.executing.length),
    String(queue.seatsInUse),
    seatSeconds(queue.nextDispatchR),
    String(queue.initialSeatsWaiting),
    String(queue.seatsWaiting),
    seatSeconds(queue.workWaiting),
  ]);
}

function requestRows(level: LevelDump, clock: Clock, hasDetails: boolean): readonly (readonly string[])[] {
  const row = (ticket: FlowTicket, queue: number, place: number): readonly string[] => [
    ...requestRow(level.name, ticket, queue, place, clock),
    // The request is what this ticket was asked for.
    ...(hasDetails ? detailsOf(ticket.about as FlowRequest) : []),
  ];
  return [
    ...level.queues.flatMap(({ waiting, executing }, queue) => [
      ...waiting.map((ticket, place) => row(ticket, queue, place)),
      ...executing.map((ticket) => row(ticket, queue, -1)),
    ]),
    ...level.unqueued.map((ticket) => row(ticket, -1, -1)),
  ];
}

function requestRow(
  level: string,
  { flow, distinguisher, arrivalMs, startMs, estimate }: FlowTicket,
  queue: number,
  place: number,
  clock: Clock,
): readonly string[] {
  const timeOf = (monotonicMs: number): string => shortTime(clock.now() - (clock.monotonic() - monotonicMs));
  return [
    level,
    flow.schema,
    String(queue),
    String(place),
    distinguisher,
    timeOf(arrivalMs),
    String(estimate.initialSeats),
    String(estimate.finalSeats),
    formatDuration(estimate.additionalMs),
    startMs === undefined ? "0001-01-01T00:00:00Z" : timeOf(startMs),
  ];
}

function detailsOf({ info, user }: FlowRequest): readonly string[] {
  const { verb, path, namespace, name, apiGroup, apiVersion, resource, subresource } = info;
  const version = apiGroup === "" ? apiVersion : `${apiGroup}/${apiVersion}`;
  return [user.name, verb, path, namespace, name, version, resource, subresource];
}

/** RFC 3339 with as many digits as are needed. */
function shortTime(ms: number): string {
  return formatMicroTime(ms).replace(/\.?0*Z$/, "Z");
}

/** `12.00300000ss` */
function seatSeconds(value: number): string {
  return `${value.toFixed(8)}ss`;
}

const cellWidthMin = 8;

/** Cells end in a comma and are filled up to the width of their column. */
function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((text, i) => (i < row.length - 1 ? `${text},` : text)));
  const widths = (cells[0] ?? []).map((_, i) =>
    Math.max(cellWidthMin, ...cells.map((row) => Array.from(row[i] ?? "").length + 1)),
  );
  return cells
    .map((row) => `${row.map((text, i) => (i < row.length - 1 ? padded(text, widths[i] ?? 0) : text)).join("")}\n`)
    .join("");
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(width - Array.from(text).length, 0));
}
