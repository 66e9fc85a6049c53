import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { offThread } from "../component-base/off-thread.ts";
import { Activity } from "./activity.ts";

test("nothing is drained while another thread works, however long that takes", async () => {
  using activity = new Activity();
  let isSigned = false;
  void activity.during(
    offThread(delay(300)).then(() => {
      isSigned = true;
    }),
  );
  await activity.drained();
  assert.ok(isSigned);
});

test("what waits for time to pass is not waited for", async () => {
  using activity = new Activity();
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = activity.during(promise);
  await activity.drained();
  resolve();
  await waiting;
});
