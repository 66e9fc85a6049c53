import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsV1 } from "../../api/resources.gen.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { createApiClient } from "../rest/rest-client.ts";
import { settle } from "../testing/drain.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { createSeriesRecorder } from "./series-writer.ts";

function world() {
  const clock = new SteppingClock();
  const random = new SeededRandom(1);
  const server = new FakeApiServer(clock, random);
  const client = createApiClient({ transport: server, userAgent: "test", clock, random });
  const options = { client, clock, random, logger: silentLogger, component: "sched", host: "h" };
  const recorder = createSeriesRecorder(options);
  const stored = async () => (await client.resource(eventsV1, "a").list()).items;
  const minutes = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      clock.step(60_000);
      await settle();
    }
  };
  return { clock, recorder, server, stored, minutes };
}

const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "a", uid: "u", resourceVersion: "7" } };
const other = { apiVersion: "v1", kind: "Pod", metadata: { name: "q", namespace: "a", uid: "v" } };

test("an event has the fields of events.k8s.io/v1", async () => {
  const { recorder, stored } = world();
  await using _ = recorder;
  recorder.event(pod, "Normal", "Preempted", "by q", { action: "Preempting", related: other });
  await settle();
  const [event] = await stored();
  const { metadata: _m, eventTime, ...rest } = event ?? assert.fail();
  assert.match(eventTime, /^2026-01-01T00:00:00\.\d{6}Z$/);
  assert.deepEqual(rest, {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    regarding: { kind: "Pod", apiVersion: "v1", namespace: "a", name: "p", uid: "u", resourceVersion: "7" },
    related: { kind: "Pod", apiVersion: "v1", namespace: "a", name: "q", uid: "v" },
    type: "Normal",
    reason: "Preempted",
    action: "Preempting",
    reportingController: "sched",
    reportingInstance: "sched-h",
    note: "by q",
  });
});

test("seen again it is a series, written when it begins, twice an hour, and when it is over", async () => {
  const { recorder, stored, server, minutes } = world();
  await using _ = recorder;
  const fail = (note: string): void => recorder.event(pod, "Warning", "Failed", note, { action: "Do" });
  fail("one");
  fail("another");
  await settle();
  assert.equal(server.writes.length, 2);
  for (let i = 0; i < 40; i++) {
    await minutes(1);
    fail("again");
  }
  await settle();
  // At the second time, and after half an hour.
  assert.equal(server.writes.length, 3);
  await minutes(20);
  assert.equal(server.writes.length, 4);
  const [event, ...more] = await stored();
  assert.deepEqual([more.length, event?.series?.count, event?.note], [0, 42, "one"]);
  fail("anew");
  await settle();
  assert.equal((await stored()).length, 2);
});

test("a single event that is not seen again is forgotten without a write", async () => {
  const { recorder, server, minutes, clock } = world();
  await using _ = recorder;
  recorder.event(pod, "Normal", "Scheduled", "x", { action: "Binding" });
  await minutes(30);
  assert.equal(server.writes.length, 1);
  assert.equal(clock.nextTimerIn(), undefined);
});
