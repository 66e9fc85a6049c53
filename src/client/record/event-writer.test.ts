import assert from "node:assert/strict";
import { test } from "node:test";
import { events } from "../../api/resources.gen.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { createApiClient } from "../rest/rest-client.ts";
import { settle } from "../testing/drain.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import { createEventRecorder } from "./event-writer.ts";

function world() {
  const clock = new SteppingClock();
  const random = new SeededRandom(1);
  const server = new FakeApiServer(clock, random);
  const client = createApiClient({ transport: server, userAgent: "test", clock, random });
  const recorder = createEventRecorder({ client, clock, random, logger: silentLogger, component: "tester" });
  const stored = async () => (await client.resource(events).list()).items;
  return { clock, recorder, server, stored };
}

const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "a", uid: "u" } };

test("the same event again is a count on the first", async () => {
  const { recorder, stored, clock } = world();
  await using _ = recorder;
  for (let i = 0; i < 3; i++) recorder.event(pod, "Normal", "Pulled", "got it", "spec.containers{web}");
  clock.step(1000);
  await settle();
  const [event, ...others] = await stored();
  assert.equal(others.length, 0);
  assert.equal(event?.count, 3);
  assert.equal(event?.involvedObject.fieldPath, "spec.containers{web}");
  assert.deepEqual(event?.source, { component: "tester" });
});

test("from the tenth different message of one reason on, they are combined", async () => {
  const { recorder, stored } = world();
  await using _ = recorder;
  for (let i = 0; i < 12; i++) recorder.event(pod, "Warning", "Failed", `attempt ${i}`);
  await settle();
  const all = await stored();
  assert.equal(all.length, 10);
  const combined = all.find((e) => e.message?.startsWith("(combined from similar events): "));
  assert.equal(combined?.count, 3);
  assert.equal(combined?.message, "(combined from similar events): attempt 11");
});

test("one object gets at most 25 writes in a burst", async () => {
  const { recorder, server } = world();
  await using _ = recorder;
  for (let i = 0; i < 40; i++) recorder.event(pod, "Normal", `Reason${i}`, "x");
  await settle(2000);
  assert.equal(server.writes.length, 25);
});

test("two writers telling of one object at one moment do not take each other's names", async () => {
  const clock = new SteppingClock();
  const server = new FakeApiServer(clock, new SeededRandom(1));
  const writers = [2, 3].map((seed) => {
    const random = new SeededRandom(seed);
    const client = createApiClient({ transport: server, userAgent: "test", clock, random });
    return {
      client,
      recorder: createEventRecorder({ client, clock, random, logger: silentLogger, component: `c${seed}` }),
    };
  });
  const reasons = ["A", "B", "C"];
  for (const { recorder } of writers) for (const reason of reasons) recorder.event(pod, "Normal", reason, "x");
  await settle();
  assert.equal((await writers[0]?.client.resource(events).list())?.items.length, 6);
  for (const { recorder } of writers) await recorder[Symbol.asyncDispose]();
});
