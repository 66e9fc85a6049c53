/** What a schema of OpenAPI v3 says of a value, as far as expressions care. */
export interface ValueSchema {
  readonly type?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly items?: ValueSchema | readonly ValueSchema[];
  readonly additionalProperties?: ValueSchema | boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
}

export function itemsOf({ items }: ValueSchema): ValueSchema | undefined {
  return items === undefined || Array.isArray(items) ? undefined : (items as ValueSchema);
}

/** The schema of all values of a map. */
export function valuesOf({ additionalProperties }: ValueSchema): ValueSchema | undefined {
  return typeof additionalProperties === "object" ? additionalProperties : undefined;
}

export function isEmbedded(schema: ValueSchema): boolean {
  return schema["x-kubernetes-embedded-resource"] === true;
}

const text: ValueSchema = { type: "string" };
const objectMeta: ValueSchema = { type: "object", properties: { name: text, generateName: text } };

/** The schema of a whole object: apiVersion, kind and the names are known, whether the schema mentions them or not. */
export function withTypeAndObjectMeta(schema: ValueSchema): ValueSchema {
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  const names = metadata?.properties;
  const isComplete =
    kind?.type === "string" &&
    apiVersion?.type === "string" &&
    metadata?.type === "object" &&
    names?.name?.type === "string" &&
    names.generateName?.type === "string";
  if (isComplete) return schema;
  return { ...schema, properties: { ...schema.properties, kind: text, apiVersion: text, metadata: objectMeta } };
}
