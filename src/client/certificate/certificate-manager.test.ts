import assert from "node:assert/strict";
import { test } from "node:test";

import type { CertificateSigningRequest } from "../../api/certificates/v1/types.gen.ts";
import { certificateSigningRequests } from "../../api/resources.gen.ts";
import { silentLogger } from "../../component-base/logger.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import { createApiClient } from "../rest/rest-client.ts";
import { settle } from "../testing/drain.ts";
import { FakeApiServer } from "../testing/fake-api-server.ts";
import {
  CertificateManager,
  type CertificatePair,
  type CertificateTemplate,
  type CertificateTools,
} from "./certificate-manager.ts";

const hourMs = 3_600_000;
const lifeMs = 100 * hourMs;

// Certificates are JSON here: what they say, and from when to when.
const tools: CertificateTools = {
  request: (template) => Promise.resolve({ requestPem: JSON.stringify(template), key: "key" }),
  read: (text) => {
    try {
      return JSON.parse(text) as ReturnType<CertificateTools["read"]>;
    } catch {
      return undefined;
    }
  },
};

function start(random = new SeededRandom(1)) {
  const clock = new SteppingClock();
  const client = createApiClient({ transport: new FakeApiServer(clock, random), userAgent: "test", clock, random });
  const requests = client.resource(certificateSigningRequests);
  const stored: { pair?: CertificatePair } = {};
  const changes: CertificatePair[] = [];
  let template: CertificateTemplate = {
    commonName: "system:node:a",
    organizations: [],
    dnsNames: ["a"],
    ipAddresses: [],
  };
  const manager = new CertificateManager({
    name: "test",
    signerName: "kubernetes.io/kubelet-serving",
    usages: ["digital signature", "server auth"],
    template: () => template,
    store: {
      read: () => Promise.resolve(stored.pair),
      write: (pair) => {
        stored.pair = pair;
        return Promise.resolve();
      },
    },
    tools,
    client,
    clock,
    random,
    logger: silentLogger,
    onChange: (pair) => changes.push(pair),
  });
  const tasks = new TaskGroup();
  const pem = (spec: CertificateTemplate): string =>
    JSON.stringify({ ...spec, notBeforeMs: clock.now(), notAfterMs: clock.now() + lifeMs });
  const pending = async (): Promise<readonly CertificateSigningRequest[]> =>
    (await requests.list()).items.filter(({ status }) => !status.certificate && !status.conditions);
  return {
    clock,
    manager,
    stored,
    changes,
    requests,
    pem,
    pending,
    run: () => {
      tasks.spawn((signal) => manager.run(signal));
      return settle(500);
    },
    setTemplate: (changed: CertificateTemplate) => {
      template = changed;
      manager.templateChanged();
      return settle(500);
    },
    /** Signs what waits, as the controllers would. */
    issue: async () => {
      for (const request of await pending()) {
        const spec = JSON.parse(atob(request.spec.request)) as CertificateTemplate;
        await requests.updateStatus({ ...request, status: { certificate: btoa(pem(spec)) } });
      }
      await settle(500);
    },
    step: async (ms: number) => {
      clock.step(ms);
      await settle(500);
    },
    [Symbol.asyncDispose]: () => tasks[Symbol.asyncDispose](),
  };
}

test("without a certificate one is asked for, kept, and told", async () => {
  await using h = start();
  await h.run();
  const [request] = await h.pending();
  assert.equal(request?.spec.signerName, "kubernetes.io/kubelet-serving");
  assert.deepEqual(request?.spec.usages, ["digital signature", "server auth"]);
  assert.equal(h.manager.current, undefined);
  await h.issue();
  assert.equal(h.changes.length, 1);
  assert.deepEqual(h.stored.pair, h.manager.current);
});

test("one that is valid is used; it is renewed when 70 to 90 % of its life are over, each at a time of its own", async () => {
  const times: number[] = [];
  for (let seed = 1; seed <= 10; seed++) {
    await using h = start(new SeededRandom(seed));
    const spec = { commonName: "system:node:a", organizations: [], dnsNames: ["a"], ipAddresses: [] };
    h.stored.pair = { cert: h.pem(spec), key: "old" };
    await h.run();
    assert.equal(h.manager.current?.key, "old");
    let hours = 0;
    while ((await h.pending()).length === 0 && hours < 100) {
      await h.step(hourMs);
      hours++;
    }
    times.push(hours);
    await h.issue();
    assert.equal(h.changes.length, 1);
  }
  assert.ok(Math.min(...times) >= 70 && Math.max(...times) <= 91, String(times));
  assert.ok(new Set(times).size > 4, String(times));
});

test("new names are asked for at once", async () => {
  await using h = start();
  await h.run();
  await h.issue();
  await h.step(hourMs);
  assert.deepEqual(await h.pending(), []);
  await h.setTemplate({ commonName: "system:node:a", organizations: [], dnsNames: ["a"], ipAddresses: ["10.0.0.9"] });
  assert.equal((await h.pending()).length, 1);
  await h.issue();
  assert.deepEqual(tools.read(h.manager.current?.cert ?? "")?.ipAddresses, ["10.0.0.9"]);
});

test("one that has expired, or cannot be read, is as good as none", async () => {
  for (const cert of ["garbage", JSON.stringify({ notBeforeMs: 0, notAfterMs: 1, dnsNames: ["a"], ipAddresses: [] })]) {
    await using h = start();
    h.stored.pair = { cert, key: "old" };
    await h.step(10);
    await h.run();
    assert.equal(h.manager.current, undefined);
    assert.equal((await h.pending()).length, 1);
  }
});

test("a denied request is asked again after a pause", async () => {
  await using h = start();
  await h.run();
  const [request] = await h.pending();
  assert.ok(request);
  const condition = { type: "Denied", status: "True", reason: "No", message: "not you" };
  await h.requests.updateStatus({ ...request, status: { conditions: [condition] } });
  await settle(500);
  assert.deepEqual(await h.pending(), []);
  for (let i = 0; i < 40 && (await h.pending()).length === 0; i++) await h.step(100);
  assert.equal((await h.pending()).length, 1);
  await h.issue();
  assert.equal(h.changes.length, 1);
});

test("a request that nobody decides is given up after a quarter of an hour, and made anew", async () => {
  await using h = start();
  await h.run();
  for (let minutes = 0; minutes < 25 && (await h.pending()).length < 2; minutes++) await h.step(60_000);
  assert.equal((await h.pending()).length, 2);
});
