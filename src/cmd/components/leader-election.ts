import { formatDuration } from "../../apimachinery/time.ts";
import type { FlagsOf } from "../flags.ts";

export const leaderElectionFlags = {
  "leader-elect": "bool",
  "leader-elect-lease-duration": "duration",
  "leader-elect-renew-deadline": "duration",
  "leader-elect-retry-period": "duration",
} as const;

/** As `leaderElectionOf` reads them. On its own a component takes part in the election, as upstream's do, unless told not to. */
export function leaderElectionValues(flags: FlagsOf<typeof leaderElectionFlags>): {
  readonly "leader-elect": boolean;
  readonly "leader-elect-lease-duration"?: string;
  readonly "leader-elect-renew-deadline"?: string;
  readonly "leader-elect-retry-period"?: string;
} {
  const { "leader-elect": isOn = true, ...times } = flags;
  const texts = Object.entries(times).map(([name, ms]) => [name, formatDuration(ms)]);
  return { "leader-elect": isOn, ...(Object.fromEntries(texts) as Readonly<Record<keyof typeof times, string>>) };
}
