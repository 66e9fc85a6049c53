import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../api/scheme.ts";
import { formatFieldError } from "../validation/field-error.ts";
import { validateDeclared } from "./validate.ts";

const scheme = builtinScheme();

function errors(kind: string, value: object, except: readonly string[] = []): string[] {
  const found = scheme.kind("", "v1", kind);
  assert.ok(found);
  const { object } = found.decode(value);
  found.applyDefaults(object);
  const options = { checkRequired: true, except: new Set(except) };
  return validateDeclared(found.type, object, undefined, options).map(formatFieldError);
}

test("closed enumerations and required fields are told in path order", () => {
  const pod = {
    spec: {
      restartPolicy: "Sometimes",
      containers: [
        { name: "", image: "x", imagePullPolicy: "Rarely", ports: [{ containerPort: 1, protocol: "HTTP" }] },
      ],
    },
  };
  assert.deepEqual(errors("Pod", pod), [
    "spec.containers[0].name: Required value",
    'spec.containers[0].ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
    'spec.containers[0].imagePullPolicy: Unsupported value: "Rarely": supported values: "Always", "IfNotPresent", "Never"',
    'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
  ]);
  assert.deepEqual(errors("Pod", { spec: {} }), ["spec.containers: Required value"]);
});

test("paths the caller judges itself are passed over", () => {
  const pod = { spec: { restartPolicy: "Sometimes", containers: [{ name: "a", imagePullPolicy: "Rarely" }] } };
  assert.deepEqual(errors("Pod", pod, ["spec.restartPolicy", "spec.containers.imagePullPolicy"]), []);
});
