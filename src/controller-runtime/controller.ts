import type { PolicyRule } from "../api/rbac/v1/types.gen.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import type { InformerFactory } from "../client/cache/shared-informer.ts";
import type { EventRecorder } from "../client/record/event-recorder.ts";
import type { Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { MetricRegistry } from "../component-base/metrics.ts";
import type { Random } from "../component-base/random.ts";

/** What a controller is handed. The client acts under the controller's own identity. */
export interface ControllerContext {
  readonly client: ApiClient;
  /** Shared by the controllers of one process; ask for informers in `create`, not later. */
  readonly informers: InformerFactory;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** A running piece of control logic. */
export interface Controller {
  /** Works until the signal aborts; resolves only when nothing of it is left running. Called after the informers have synced. */
  run(signal: AbortSignal): Promise<void>;
}

/** How a controller enters the one list of its component. */
export interface ControllerDescriptor {
  /** Upstream's name, e.g. `deployment-controller`. */
  readonly name: string;
  /** Who reports in its events; its name unless given. */
  readonly eventSource?: string;
  /** Its service account in kube-system, e.g. `deployment-controller`. */
  readonly serviceAccount: string;
  /** The rules of ClusterRole `system:controller:<serviceAccount>`. */
  readonly rules: readonly PolicyRule[];
  create(context: ControllerContext): Controller;
}
