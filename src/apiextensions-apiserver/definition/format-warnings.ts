import type { CustomResourceDefinition } from "../../api/apiextensions/v1/types.gen.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { isKnownFormat } from "../schema/formats.ts";
import type { JsonSchema } from "../schema/json-schema.ts";
import { withSharedParts } from "./shared-parts.ts";
import { subschemas } from "./subschemas.ts";

/** What is told of formats that say nothing to the server; of a changed definition, only of those that are new. */
export function formatWarnings(
  definition: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): readonly string[] {
  const before = new Set(old ? unknownFormats(old) : []);
  return unknownFormats(definition)
    .filter((format) => !before.has(format))
    .map((format) => `unrecognized format ${goQuote(format)}`);
}

function unknownFormats({ spec }: CustomResourceDefinition): readonly string[] {
  const { shared, versions } = withSharedParts(spec);
  return [shared, ...versions].flatMap(({ schema }) => {
    const root = schema?.openAPIV3Schema;
    return root ? unknownBelow(root) : [];
  });
}

function unknownBelow(schema: JsonSchema): readonly string[] {
  const { format = "", type = "" } = schema;
  const own = format === "" || isKnownFormat(format, type) ? [] : [format];
  return [...own, ...subschemas(schema).flatMap(({ schema: inner }) => unknownBelow(inner))];
}
