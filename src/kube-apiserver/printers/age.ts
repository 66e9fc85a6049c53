import { humanDuration } from "../../apiserver/endpoints/human-duration.ts";

/** The age of a timestamp, `<unknown>` when there is none. */
export function age(timestamp: string | null | undefined, nowMs: number): string {
  if (!timestamp) return "<unknown>";
  return humanDuration(nowMs - Date.parse(timestamp));
}
