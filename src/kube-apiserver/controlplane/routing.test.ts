import assert from "node:assert/strict";
import { test } from "node:test";

import { TestApiServer } from "../testing/test-cluster.ts";

// What upstream's router refuses by path, method and media type, and what is served without it.

const pods = "/api/v1/namespaces/default/pods";
const noSuchResource = "the server could not find the requested resource";
const notAllowed = "the server does not allow this method on the requested resource";
const page = "404 page not found\n";

test("paths and methods that built-in resources and documents do not have", async () => {
  await using server = await TestApiServer.start();
  const cases: readonly (readonly [method: string, path: string, status: number, message?: string])[] = [
    ["GET", "/api/v2", 404, noSuchResource],
    ["GET", "/apis/apps/v3", 404, noSuchResource],
    ["GET", "/version/x", 404, noSuchResource],
    ["GET", "/apis/nothing.io/v1", 404, page],
    ["GET", "/versionx", 404, page],
    ["POST", "/version", 405, notAllowed],
    ["DELETE", "/api/v1", 405, notAllowed],
    ["PUT", "/apis/apps/v1", 405, notAllowed],
    ["POST", "/.well-known/openid-configuration", 405, notAllowed],
    ["HEAD", pods, 405],
    ["HEAD", `${pods}/p/log`, 405],
    ["GET", "/api/v1/componentstatuses?watch=true", 405, "watch is not supported on resources of kind"],
    // These are nobody's but whoever has the path.
    ["POST", "/apis", 200],
    ["PUT", "/apis/apps", 200],
    ["POST", "/healthz", 200],
    ["HEAD", "/healthz", 200],
    ["DELETE", "/metrics", 404, page],
  ];
  for (const [method, path, status, message] of cases) {
    const answer = await server.request(method, path);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    if (method === "HEAD") assert.equal(answer.text, "");
    if (message !== undefined) assert.ok(answer.text.includes(message), `${method} ${path}: ${answer.text}`);
  }
});

test("media types that are not produced, and views that an answer does not have", async () => {
  await using server = await TestApiServer.start();
  const meta = "g=meta.k8s.io;v=v1";
  const available = "406: Not Acceptable\n\nAvailable representations: application/json";
  const only = "only the following media types are accepted: application/json";
  const cases: readonly (readonly [path: string, accept: string, status: number, message?: string])[] = [
    [pods, "application/*", 406, available],
    [pods, "text/html", 406, available],
    [pods, "text/html, */*;q=0.1", 200],
    [pods, "application/json;v=v1", 406, only],
    [pods, "application/json;sv=v2", 406, only],
    [pods, "application/json;stream=foo", 406, only],
    [`${pods}?watch=true`, "application/yaml", 406, `${only};stream=watch`],
    [pods, `application/json;as=PartialObjectMetadata;${meta}`, 406, "the requested object is a list (*core.PodList)"],
    [`${pods}/none`, `application/json;as=PartialObjectMetadataList;${meta}`, 404, 'pods "none" not found'],
    [`${pods}/none`, "application/yaml;as=Foo, application/json", 404, 'pods "none" not found'],
    ["/version", "text/html", 406, available],
    ["/", "text/html", 200],
  ];
  for (const [path, accept, status, message] of cases) {
    const answer = await server.request("GET", path, undefined, { headers: { accept } });
    assert.equal(answer.status, status, `${path} ${accept}: ${answer.text}`);
    // What is wrong with a stream is told in the form it was asked for.
    if (accept === "application/yaml") assert.equal(answer.headers["content-type"], "application/yaml");
    else if (message !== undefined) assert.ok(answer.message.includes(message), `${path} ${accept}: ${answer.text}`);
  }
});
