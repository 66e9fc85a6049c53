import {
  buildOpenApiV2,
  buildOpenApiV3,
  buildOpenApiV3Root,
  openApiV3Paths,
} from "../apimachinery/openapi/document.ts";
import type { Scheme } from "../apimachinery/scheme/scheme.ts";
import type { OpenApiProvider } from "../apiserver/server/generic-api-server-options.ts";

/** The OpenAPI documents of the built-in kinds, made when first asked for. */
export function openApiProvider(scheme: Scheme): OpenApiProvider {
  return {
    v2: () => buildOpenApiV2(scheme),
    v3Paths: () => openApiV3Paths(scheme),
    v3: (path) => {
      const [root, first = "", second = ""] = path.split("/");
      const document =
        root === "api" && first !== "" ? buildOpenApiV3(scheme, "", first) : buildOpenApiV3(scheme, first, second);
      return document ?? buildOpenApiV3Root(scheme, path);
    },
  };
}
