import { AssertionError } from "../../component-base/assert.ts";
import { createLogger, type LogRecord } from "../../component-base/logger.ts";
import { MetricRegistry } from "../../component-base/metrics.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { createInformerFactory } from "../../client/cache/informer-factory.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { createApiClient } from "../../client/rest/rest-client.ts";
import { settle, stepUntil } from "../../client/testing/drain.ts";
import { FakeApiServer } from "../../client/testing/fake-api-server.ts";
import type { ControllerDescriptor } from "../controller.ts";
import { runControllers } from "../manager.ts";

/** Controllers at work on a fake API server with a stepped clock. What is cached is frozen; dispose throws if a controller had a bug. */
export interface ControllerHarness extends AsyncDisposable {
  readonly clock: SteppingClock;
  readonly server: FakeApiServer;
  readonly client: ApiClient;
  readonly metrics: MetricRegistry;
  /** Passes 100 ms, enough for the first retries after a conflict. */
  settle(): Promise<void>;
  /** Lets time pass, settling at every timer on the way. */
  pass(ms: number): Promise<void>;
  /** Steps from timer to timer until the condition holds. */
  until(condition: () => boolean): Promise<void>;
  /** The writes since the last call, as `POST /api/v1/namespaces/a/pods`, without those of events. */
  takeWrites(): string[];
}

/** Starts the controllers; `arrange` runs before, for objects that should be there already. */
export async function startControllers(
  controllers: readonly ControllerDescriptor[],
  arrange: (client: ApiClient, server: FakeApiServer) => Promise<void> = () => Promise.resolve(),
  log: (record: LogRecord) => void = () => {},
): Promise<ControllerHarness> {
  const clock = new SteppingClock();
  const bugs: unknown[] = [];
  const logger = createLogger((record) => {
    const { error } = record.fields;
    if (error instanceof TypeError || error instanceof AssertionError) bugs.push(error);
    log(record);
  }, "debug");
  const random = new SeededRandom(1);
  const metrics = new MetricRegistry();
  const server = new FakeApiServer(clock, random);
  const client = createApiClient({ transport: server, userAgent: "test", clock, random });
  await arrange(client, server);
  const informers = createInformerFactory({ client, clock, random, logger, metrics, freeze: true });
  const stop = new AbortController();
  const options = { controllers, clientFor: () => client, informers, clock, random, logger, metrics };
  const running = runControllers(options, stop.signal);
  await settle(1000);
  server.requests.length = 0;
  const pass = async (ms: number): Promise<void> => {
    const end = clock.monotonic() + ms;
    await settle(500);
    for (let next = clock.nextTimerIn(); next !== undefined; next = clock.nextTimerIn()) {
      if (clock.monotonic() + next > end) break;
      clock.step(next);
      await settle(500);
    }
    clock.step(end - clock.monotonic());
    await settle(1000);
  };
  return {
    clock,
    server,
    client,
    metrics,
    settle: () => pass(100),
    pass,
    until: (condition) => stepUntil(clock, condition),
    takeWrites: () => {
      const writes = server.writes.filter((w) => !/\/events(\/|$)/.test(w));
      server.requests.length = 0;
      return writes;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      await informers[Symbol.asyncDispose]();
      if (bugs.length > 0) throw new Error("a controller has a bug", { cause: bugs[0] });
    },
  };
}
