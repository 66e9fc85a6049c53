import assert from "node:assert/strict";
import { test } from "node:test";
import { requestedSubPath } from "./sub-path.ts";

const variables = new Map([
  ["POD", "web-0"],
  ["ABSOLUTE", "/etc"],
  ["EMPTY", ""],
]);
const mount = { name: "v", mountPath: "/data" };

test("a subPath is taken as it is, an expression is expanded", () => {
  assert.equal(requestedSubPath(mount, variables), "");
  assert.equal(requestedSubPath({ ...mount, subPath: "a/$(POD)" }, variables), "a/$(POD)");
  assert.equal(requestedSubPath({ ...mount, subPathExpr: "a/$(POD)" }, variables), "a/web-0");
});

const refused: readonly [expression: string, message: string][] = [
  ["$(NONE)/$(EMPTY)", "missing value for EMPTY, NONE"],
  ["$(ABSOLUTE)", "error SubPath `/etc` must not be an absolute path"],
  ["$(POD)/../x", "unable to provision SubPath `web-0/../x`: must not contain '..'"],
];

for (const [subPathExpr, message] of refused) {
  test(`the subPath expression ${subPathExpr} is refused`, () => {
    assert.throws(() => requestedSubPath({ ...mount, subPathExpr }, variables), { message });
  });
}
