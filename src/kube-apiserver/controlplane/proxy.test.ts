import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { utf8Decode } from "../../component-base/bytes.ts";
import { readBody, TransportError } from "../../component-base/http.ts";
import type { HttpHeaders, SentHeaders, TransportResponse } from "../../component-base/http.ts";
import type { ProxyConnector, ProxyRequest } from "../../apiserver/proxy/proxy-connector.ts";
import { TestApiServer } from "../testing/test-cluster.ts";

const namespace = "/api/v1/namespaces/default";

/** Answers what the test wants and remembers what it was asked. */
class FakeConnector implements ProxyConnector {
  readonly identity: string;
  readonly asked: { method: string; url: string; headers: SentHeaders; body: string | undefined }[] = [];
  answer: { status: number; headers: HttpHeaders; body: string | Uint8Array } = {
    status: 200,
    headers: {},
    body: "ok",
  };
  failure: string | undefined;

  constructor(identity: string) {
    this.identity = identity;
  }

  async send({ method, url, headers, body }: ProxyRequest): Promise<TransportResponse> {
    this.asked.push({ method, url, headers, body: body && utf8Decode(await readBody(body)) });
    if (this.failure !== undefined) throw new TransportError(this.failure, { notSent: true });
    const { body: text, ...rest } = this.answer;
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    const chunks = (async function* () {
      yield bytes;
    })();
    return { ...rest, body: chunks };
  }
}

class Proxied implements AsyncDisposable {
  readonly kubelets = new FakeConnector("kubelet");
  readonly proxy = new FakeConnector("proxy");
  readonly api: TestApiServer;

  private constructor(api: TestApiServer, kubelets: FakeConnector, proxy: FakeConnector) {
    this.api = api;
    this.kubelets = kubelets;
    this.proxy = proxy;
  }

  static async start(): Promise<Proxied> {
    const [kubelets, proxy] = [new FakeConnector("kubelet"), new FakeConnector("proxy")];
    const proxied = new Proxied(await TestApiServer.start({ kubelets, proxy }), kubelets, proxy);
    await proxied.#prepare();
    return proxied;
  }

  async #write(method: string, path: string, object: object): Promise<void> {
    const headers: HttpHeaders = method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {};
    const answer = await this.api.request(method, path, object, { headers });
    assert.ok(answer.status < 300, answer.text);
  }

  async #prepare(): Promise<void> {
    await this.#write("POST", `${namespace}/serviceaccounts`, { metadata: { name: "default" } });
    for (const [name, ip] of [
      ["web", "10.1.0.5"],
      ["own", "127.0.0.1"],
    ] as const) {
      const containers = [
        { name: "a", image: "i" },
        { name: "b", image: "i", ports: [{ containerPort: 8080 }] },
      ];
      await this.#write("POST", `${namespace}/pods`, { metadata: { name }, spec: { containers } });
      await this.#write("PATCH", `${namespace}/pods/${name}/status`, { status: { podIP: ip, podIPs: [{ ip }] } });
    }
    await this.#write("POST", `${namespace}/services`, {
      metadata: { name: "svc" },
      spec: {
        ports: [
          { name: "http", port: 80, targetPort: 8080 },
          { name: "tls", port: 443 },
        ],
      },
    });
    const slice = (name: string, service: string, endpoints: readonly object[]): object => ({
      metadata: { name, labels: { "kubernetes.io/service-name": service } },
      addressType: "IPv4",
      ports: [
        { name: "http", port: 8080 },
        { name: "tls", port: 8443 },
      ],
      endpoints,
    });
    const slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    const targetRef = { kind: "Pod", namespace: "default", name: "web" };
    await this.#write(
      "POST",
      slices,
      slice("svc-1", "svc", [
        { addresses: ["10.1.0.5"], targetRef },
        { addresses: ["169.254.169.254"], targetRef },
        { addresses: ["10.1.0.6"] },
      ]),
    );
    await this.#write("POST", slices, slice("none-1", "none", []));
    await this.#write("POST", "/api/v1/nodes", {
      metadata: { name: "n1" },
      status: {
        addresses: [{ type: "InternalIP", address: "192.0.2.7" }],
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
  }
}

test("pods, services and nodes are reached where their objects say", async () => {
  await using proxied = await Proxied.start();
  const { api, kubelets, proxy } = proxied;
  const cases: readonly (readonly [string, FakeConnector, string])[] = [
    [`${namespace}/pods/web/proxy/a/b?c=d`, proxy, "http://10.1.0.5:8080/a/b?c=d"],
    [`${namespace}/pods/web:1234/proxy/`, proxy, "http://10.1.0.5:1234/"],
    [`${namespace}/pods/https:web:1234/proxy/a/`, proxy, "https://10.1.0.5:1234/a/"],
    [`${namespace}/services/svc:80/proxy/a%2Fb%20c`, proxy, "http://10.1.0.5:8080/a%2Fb%20c"],
    [`${namespace}/services/svc:http/proxy/x`, proxy, "http://10.1.0.5:8080/x"],
    [`${namespace}/services/https:svc:tls/proxy/x`, proxy, "https://10.1.0.5:8443/x"],
    [`${namespace}/services/https:svc:443/proxy/x`, proxy, "https://10.1.0.5:8443/x"],
    ["/api/v1/nodes/n1/proxy/pods", kubelets, "https://192.0.2.7:10250/pods"],
    ["/api/v1/nodes/n1:10250/proxy/configz", kubelets, "https://192.0.2.7:10250/configz"],
    ["/api/v1/nodes/n1:9100/proxy/metrics", proxy, "http://192.0.2.7:9100/metrics"],
    ["/api/v1/nodes/https:n1:9100/proxy/metrics", proxy, "https://192.0.2.7:9100/metrics"],
  ];
  for (const [path, connector, url] of cases) {
    const answer = await api.request("GET", path);
    assert.equal(answer.text, "ok", path);
    assert.equal(connector.asked.at(-1)?.url, url, path);
  }
});

test("what cannot be reached is refused with upstream's codes and texts", async () => {
  await using proxied = await Proxied.start();
  const { api, proxy } = proxied;
  const cases: readonly (readonly [string, number, string])[] = [
    [`${namespace}/pods/own/proxy/`, 400, "address not allowed"],
    [`${namespace}/pods/gone/proxy/`, 404, 'pods "gone" not found'],
    [`${namespace}/pods/ftp:web:21/proxy/`, 400, 'invalid pod request "ftp:web:21"'],
    [`${namespace}/services/a:b:c:d/proxy/`, 400, 'invalid service request "a:b:c:d"'],
    [`${namespace}/services/svc:81/proxy/`, 503, 'no service port 81 found for service "svc"'],
    [`${namespace}/services/svc:ftp/proxy/`, 503, 'no endpoints available for service "svc:ftp"'],
    [`${namespace}/services/svc/proxy/`, 503, 'no endpoints available for service "svc"'],
    [`${namespace}/services/none:http/proxy/`, 503, 'no endpoints available for service "none:http"'],
    [`${namespace}/services/gone/proxy/`, 404, 'services "gone" not found'],
    ["/api/v1/nodes/gone/proxy/", 404, 'nodes "gone" not found'],
  ];
  for (const [path, status, message] of cases) {
    const answer = await api.request("GET", path);
    assert.deepEqual([answer.status, answer.message], [status, message], path);
  }
  assert.deepEqual(proxy.asked, []);
  proxy.failure = "dial tcp 10.1.0.5:8080: connect: connection refused";
  const answer = await api.request("GET", `${namespace}/pods/web/proxy/`);
  assert.equal(answer.status, 503);
  assert.equal(answer.json<{ reason: string }>().reason, "ServiceUnavailable");
  assert.equal(answer.message, `error trying to reach service: ${proxy.failure}`);
});

test("every method, body, header and status passes, but who the client is stays here", async () => {
  await using proxied = await Proxied.start();
  const { api, proxy } = proxied;
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]) {
    proxy.answer = {
      status: 418,
      headers: {
        "x-own": method,
        connection: "close",
        "access-control-allow-origin": "*",
        "content-type": "text/plain",
      },
      body: "teapot",
    };
    const body = method === "GET" || method === "HEAD" || method === "OPTIONS" ? undefined : `sent by ${method}`;
    const answer = await api.request(method, `${namespace}/pods/web/proxy/tea`, body, {
      headers: { host: "api:6443", "x-mine": "1", "x-remote-user": "root", connection: "x-hop", "x-hop": "1" },
    });
    assert.equal(answer.status, 418);
    assert.equal(answer.text, "teapot");
    const { connection, "x-own": own, "access-control-allow-origin": cors } = answer.headers;
    assert.deepEqual([own, connection, cors], [method, undefined, undefined]);
    const asked = proxy.asked.at(-1);
    assert.equal(asked?.method, method);
    assert.equal(asked?.body, body);
    assert.deepEqual(asked?.headers, {
      "content-type": "application/json",
      host: "api:6443",
      "x-mine": "1",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-uri": `${namespace}/pods/web/proxy/tea`,
    });
  }
});

test("redirects and the links of pages lead through the proxy; a bare subresource gets its slash", async () => {
  await using proxied = await Proxied.start();
  const { api, proxy } = proxied;
  const base = `${namespace}/services/svc:80/proxy`;
  const bare = await api.request("GET", `${base}?a=b`);
  assert.deepEqual([bare.status, bare.headers["location"]], [301, `${base}/?a=b`]);
  proxy.answer = { status: 302, headers: { location: "/login?next=/" }, body: "" };
  const redirected = await api.request("GET", `${base}/deep/page`);
  assert.deepEqual([redirected.status, redirected.headers["location"]], [302, `${base}/login?next=/`]);
  const html = '<p><a href="/x">x</a> <a href="http://10.1.0.5:8080/y">y</a> <a href="http://other/">z</a>';
  const expected = `<p><a href="${base}/x">x</a> <a href="${base}/y">y</a> <a href="http://other/">z</a>`;
  for (const [body, encoding] of [
    [html, {}],
    [gzipSync(html), { "content-encoding": "gzip" }],
  ] as const) {
    const headers = { "content-type": "text/html; charset=utf-8", "content-length": String(body.length), ...encoding };
    proxy.answer = { status: 200, headers, body };
    const page = await api.request("GET", `${base}/page`);
    assert.equal(page.text, expected);
    assert.deepEqual([page.headers["content-length"], page.headers["content-encoding"]], [undefined, undefined]);
  }
  proxy.answer = { status: 200, headers: { "content-type": "text/plain" }, body: html };
  assert.equal((await api.request("GET", `${base}/page`)).text, html);
});

test("an upgrade becomes a tunnel; a user needs the subresource's own permission", async () => {
  await using proxied = await Proxied.start();
  const { api } = proxied;
  const socket = await api.upgrade(`${namespace}/pods/web:81/proxy/socket?a=b`);
  assert.deepEqual(socket.tunnel, {
    url: "http://10.1.0.5:81/socket?a=b",
    protocol: "raw",
    identity: "proxy",
    headers: { "x-forwarded-for": "127.0.0.1" },
  });
  const kubelet = await api.upgrade("/api/v1/nodes/n1/proxy/exec/default/p/c?command=sh");
  assert.equal(kubelet.tunnel?.identity, "kubelet");
  const as = { commonName: "jane", organizations: [] };
  const denied = await api.request("GET", `${namespace}/services/https:svc:443/proxy/x`, undefined, { as });
  assert.equal(denied.status, 403);
  assert.equal(
    denied.message,
    'services "https:svc:443" is forbidden: User "jane" cannot get resource "services/proxy" in API group "" in the namespace "default"',
  );
});
