import { test } from "node:test";

import type { ValidatingAdmissionPolicy } from "../../../src/api/admissionregistration/v1/types.gen.ts";
import { builtinScheme } from "../../../src/api/scheme.ts";
import { buildOpenApiV3 } from "../../../src/apimachinery/openapi/document.ts";
import { notFound } from "../../../src/apimachinery/errors/new.ts";
import type { ApiClient } from "../../../src/client/rest/api-client.ts";
import { PublishedSchemas } from "../../../src/kube-controller-manager/validatingadmissionpolicystatus/published-schemas.ts";
import { TypeChecker } from "../../../src/kube-controller-manager/validatingadmissionpolicystatus/type-checker.ts";
import { Differences, readGolden } from "../read.ts";

// What upstream's controller wrote into the status of policies.

interface Case {
  readonly spec: ValidatingAdmissionPolicy["spec"];
  readonly status: ValidatingAdmissionPolicy["status"];
}

const cases = readGolden<Readonly<Record<string, Case>>>(import.meta.url, "type-checking.json");
const scheme = builtinScheme();

/** Answers with discovery and OpenAPI of the built-in kinds. */
const client = {
  request: (_method: string, path: string): Promise<unknown> => {
    const [, isDocument, group = "", version = ""] =
      /^(\/openapi\/v3)?\/(?:api|apis\/([^/]+))\/([^/]+)$/.exec(path) ?? [];
    const document = buildOpenApiV3(scheme, group, version);
    if (!document) return Promise.reject(notFound({ group: "", resource: "paths" }, path));
    if (isDocument !== undefined) return Promise.resolve(document);
    const resources = scheme.resources(group, version).map(({ resource, kind }) => ({ name: resource, kind }));
    return Promise.resolve({ resources });
  },
} as unknown as ApiClient;

for (const [name, { spec, status }] of Object.entries(cases)) {
  test(`type checking of ${name}`, async () => {
    const policy = { metadata: { name }, spec } as ValidatingAdmissionPolicy;
    const warnings = await new TypeChecker().check(policy, new PublishedSchemas(client, AbortSignal.timeout(60_000)));
    const differences = new Differences();
    const plain = (text: string): string => text.replaceAll(/\b([A-Z][A-Za-z]*)[0-9]+((?:\.[@\w]+)*)/g, "$1$2");
    const expected = status?.typeChecking?.expressionWarnings ?? [];
    differences.equal(
      "warnings",
      warnings,
      expected.map((each) => ({ ...each, warning: plain(each.warning) })),
    );
    differences.assertNone(1);
  });
}
