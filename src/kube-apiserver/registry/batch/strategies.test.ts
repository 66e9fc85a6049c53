import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "../../testing/test-cluster.ts";

const cronJobs = "/apis/batch/v1/namespaces/default/cronjobs";

function cronJob(schedule: string, timeZone?: string): object {
  const template = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };
  return {
    metadata: { name: "c" },
    spec: { schedule, jobTemplate: { spec: { template } }, ...(timeZone === undefined ? {} : { timeZone }) },
  };
}

test("schedules and time zones are checked as upstream checks them", async () => {
  await using api = await TestApiServer.start();
  const cases: readonly (readonly [string, string | undefined, string])[] = [
    ["* * * *", undefined, 'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]'],
    ["60 * * * *", undefined, 'spec.schedule: Invalid value: "60 * * * *": end of range (60) above maximum (59): 60'],
    ["a * * * *", undefined, 'spec.schedule: Invalid value: "a * * * *": failed to parse int from a'],
    [
      "*/0 * * * *",
      undefined,
      'spec.schedule: Invalid value: "*/0 * * * *": step of range should be a positive number: */0',
    ],
    ["@often", undefined, 'spec.schedule: Invalid value: "@often": unrecognized descriptor: @often'],
    [
      "TZ=UTC 0 * * * *",
      undefined,
      'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
    ["0 * * * *", "", 'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
    ["0 * * * *", "Mars/Olympus", 'spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus'],
    ["0 * * * *", "../etc", 'spec.timeZone: Invalid value: "../etc": unknown time zone ../etc'],
    ["0 * * * *", "europe/berlin", 'spec.timeZone: Invalid value: "europe/berlin": unknown time zone europe/berlin'],
    ["0 * * * *", "+02:00", 'spec.timeZone: Invalid value: "+02:00": unknown time zone +02:00'],
    [
      "0 * * * *",
      "Local",
      'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    ],
  ];
  for (const [schedule, timeZone, message] of cases) {
    const answer = await api.request("POST", cronJobs, cronJob(schedule, timeZone));
    assert.equal(answer.message, `CronJob.batch "c" is invalid: ${message}`);
  }
  const valid = ["@every 1h30m", "@hourly", "0,30 8-18/2 * JAN-MAR mon"];
  for (const schedule of valid) {
    const answer = await api.request("POST", `${cronJobs}?dryRun=All`, cronJob(schedule, "Europe/Berlin"));
    assert.equal(answer.status, 201, answer.text);
  }
});

test("pods of Jobs and ReplicationControllers stay unless a deletion says what becomes of them", async () => {
  await using api = await TestApiServer.start();
  const template = {
    metadata: { labels: { app: "a" } },
    spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] },
  };
  const always = { ...template, spec: { ...template.spec, restartPolicy: "Always" } };
  const warning =
    '299 - "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning"';
  const cases: readonly (readonly [path: string, body: object, warning: string | undefined])[] = [
    ["/apis/batch/v1/namespaces/default/jobs", { spec: { template } }, warning],
    ["/api/v1/namespaces/default/replicationcontrollers", { spec: { template: always } }, undefined],
  ];
  for (const [path, body, expected] of cases) {
    const create = (): Promise<unknown> => api.request("POST", path, { metadata: { name: "a" }, ...body });
    await create();
    const deleted = await api.request("DELETE", `${path}/a`);
    assert.equal(deleted.headers["warning"], expected);
    const { metadata } = (await api.request("GET", `${path}/a`)).json<{ metadata: { finalizers?: string[] } }>();
    assert.ok(metadata.finalizers?.includes("orphan"), path);
    const headers = { "content-type": "application/merge-patch+json" };
    await api.request("PATCH", `${path}/a`, { metadata: { finalizers: null } }, { headers });
    await create();
    const background = await api.request("DELETE", `${path}/a`, { propagationPolicy: "Background" });
    assert.equal(background.headers["warning"], undefined);
    assert.equal((await api.request("GET", `${path}/a`)).status, 404, path);
  }
});
