import type { ApiClient } from "../../client/rest/api-client.ts";
import type { SeriesRecorder } from "../../client/record/event-recorder.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { Random } from "../../component-base/random.ts";
import type { SchedulerListers } from "./listers.ts";

/** What plugins are made with. */
export interface PluginHandle {
  readonly client: ApiClient;
  readonly listers: SchedulerListers;
  readonly recorder: SeriesRecorder;
  readonly clock: Clock;
  readonly random: Random;
}
