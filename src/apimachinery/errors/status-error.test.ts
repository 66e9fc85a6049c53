import assert from "node:assert/strict";
import { test } from "node:test";
import { FieldPath } from "../validation/field-path.ts";
import { fieldInvalid, fieldRequired } from "../validation/field-error.ts";
import * as errors from "./new.ts";
import { bareServerError } from "./server-response.ts";
import * as is from "./status-error.ts";

const pods = { group: "", resource: "pods" };
const deployments = { group: "apps", resource: "deployments" };

test("messages, codes and reasons are upstream's", () => {
  const cases: [is.StatusError, number, string, string][] = [
    [errors.notFound(pods, "x"), 404, "NotFound", 'pods "x" not found'],
    [errors.alreadyExists(deployments, "x"), 409, "AlreadyExists", 'deployments.apps "x" already exists'],
    [
      errors.conflict(deployments, "x"),
      409,
      "Conflict",
      'Operation cannot be fulfilled on deployments.apps "x": the object has been modified; please apply your changes to the latest version and try again',
    ],
    [errors.forbidden(pods, "", "no"), 403, "Forbidden", "pods is forbidden: no"],
    [errors.forbidden({ group: "", resource: "" }, "", "no"), 403, "Forbidden", "forbidden: no"],
    [
      errors.forbiddenRequest({ user: "jane", verb: "list", group: "", resource: "pods", namespace: "default" }),
      403,
      "Forbidden",
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      errors.forbiddenRequest({
        user: "jane",
        verb: "get",
        group: "",
        resource: "nodes",
        subresource: "proxy",
        name: "n",
      }),
      403,
      "Forbidden",
      'nodes "n" is forbidden: User "jane" cannot get resource "nodes/proxy" in API group "" at the cluster scope',
    ],
    [
      errors.forbiddenRequest({ user: "system:anonymous", verb: "get", path: "/metrics" }, "why"),
      403,
      "Forbidden",
      'forbidden: User "system:anonymous" cannot get path "/metrics": why',
    ],
    [
      errors.methodNotSupported(pods, "create"),
      405,
      "MethodNotAllowed",
      'create is not supported on resources of kind "pods"',
    ],
    [
      errors.requestEntityTooLarge("limit is 3145728"),
      413,
      "RequestEntityTooLarge",
      "Request entity too large: limit is 3145728",
    ],
    [errors.tooOldResourceVersion(5, 17), 410, "Expired", "too old resource version: 5 (17)"],
    [errors.tooLargeResourceVersion(9, 7), 504, "Timeout", "Timeout: Too large resource version: 9, current: 7"],
    [errors.internalError(new Error("boom")), 500, "InternalError", "Internal error occurred: boom"],
    [
      errors.serverTimeout(pods, "list", 2),
      500,
      "ServerTimeout",
      "The list operation against pods could not be completed at this time, please try again.",
    ],
  ];
  for (const [error, code, reason, message] of cases) {
    assert.deepEqual([error.code, error.reason, error.message], [code, reason, message]);
  }
});

test("an invalid object lists its causes", () => {
  const gk = { group: "apps", kind: "Deployment" };
  const spec = FieldPath.of("spec");
  const replicas = fieldInvalid(spec.child("replicas"), -1, "must be greater than or equal to 0");
  const one = errors.invalid(gk, "x", [replicas, replicas]);
  assert.equal(
    one.message,
    'Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  );
  const two = errors.invalid(gk, "x", [replicas, fieldRequired(spec.child("selector"))]);
  assert.equal(
    two.message,
    'Deployment.apps "x" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.selector: Required value]',
  );
  assert.equal(
    JSON.stringify(two.toStatus()),
    '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":' +
      JSON.stringify(two.message) +
      ',"reason":"Invalid","details":{"name":"x","group":"apps","kind":"Deployment","causes":[' +
      '{"reason":"FieldValueInvalid","message":"Invalid value: -1: must be greater than or equal to 0","field":"spec.replicas"},' +
      '{"reason":"FieldValueRequired","message":"Required value","field":"spec.selector"}]},"code":422}',
  );
});

test("predicates go by reason, and by code when the reason is unknown", () => {
  assert.ok(is.isNotFound(errors.notFound(pods, "x")));
  assert.ok(!is.isConflict(errors.alreadyExists(pods, "x")));
  assert.ok(is.isConflict(is.statusErrorFromStatus({ message: "m" }, 409)));
  assert.ok(!is.isNotFound(new Error("not found")));
  assert.ok(is.isExpired(errors.watchTooOld()));
  assert.ok(is.hasStatusCause(errors.tooLargeResourceVersion(9, 7), errors.resourceVersionTooLargeCause));
  assert.equal(is.suggestedRetrySeconds(errors.tooManyRequests("m", 3)), 3);
  assert.equal(is.suggestedRetrySeconds(errors.notFound(pods, "x")), undefined);
});

test("a Status survives the way to the client and back", () => {
  const status = errors.generateNameConflict(pods, "x-1", 1).toStatus();
  assert.deepEqual(is.statusErrorFromStatus(status, 500).toStatus(), status);
});

test("an answer without a Status is told by its code", () => {
  const bare = { code: 404, verb: "GET", resource: pods, name: "x", serverMessage: "", isUnexpected: false };
  assert.equal(bareServerError(bare).message, "the server could not find the requested resource (get pods x)");
  const post = bareServerError({ ...bare, code: 409, verb: "POST" });
  assert.ok(is.isAlreadyExists(post));
  const crash = bareServerError({ ...bare, code: 502, serverMessage: "bad\ngateway", isUnexpected: true });
  assert.equal(
    crash.message,
    'an error on the server ("bad\\ngateway") has prevented the request from succeeding (get pods x)',
  );
  assert.ok(is.hasStatusCause(crash, errors.unexpectedServerResponseCause));
});
