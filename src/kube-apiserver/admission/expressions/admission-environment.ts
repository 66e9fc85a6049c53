import { Environment, type Program, type StructTypes } from "../../../cel/environment.ts";
import { CelError, CompileError } from "../../../cel/errors.ts";
import { admissionVariables, objectType, objectWith } from "../../../cel/library/admission-types.ts";
import { namedOpaque } from "../../../cel/library/signature.ts";
import { type CelType, dynType, formatType, stringType } from "../../../cel/types/cel-type.ts";
import { isMap, isStruct, ListValue, type StructValue, type Value } from "../../../cel/values/value.ts";

/** Which variables an expression of admission may use beside object, oldObject, request and namespaceObject. */
export interface ExpressionScope {
  readonly hasParams: boolean;
  readonly hasAuthorizer: boolean;
  /** May make values of `Object` and `JSONPatch`. */
  readonly makesPatches: boolean;
  /** Of `variables`, by name. */
  readonly variables: ReadonlyMap<string, CelType>;
}

/** A text that was compiled, or why it could not be, in upstream's words. */
export type Compiled = { readonly text: string } & ({ readonly program: Program } | { readonly failure: string });

/** The environments of admission's expressions. Made when the first expression comes: they cost some milliseconds. */
export class AdmissionEnvironments {
  #base: Environment | undefined;
  readonly #known = new Map<string, Environment>();

  /** `wanted` are the types a result may have; all when there are none. */
  compile(text: string, scope: ExpressionScope, wanted: readonly CelType[]): Compiled {
    let program: Program;
    try {
      program = this.#environment(scope).compile(text);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      return { text, failure: `compilation failed: ${error.message}` };
    }
    const type = typeText(program.type);
    const names = wanted.map(typeText);
    if (names.length === 0 || names.includes(type)) return { text, program };
    const what = names.length === 1 ? String(names[0]) : `one of [${names.join(" ")}]`;
    return { text, failure: `must evaluate to ${what} but got ${type}` };
  }

  #environment({ hasParams, hasAuthorizer, makesPatches, variables }: ExpressionScope): Environment {
    const key = [hasParams, hasAuthorizer, makesPatches].join();
    let known = this.#known.get(key);
    if (!known) {
      this.#base ??= Environment.create();
      known = this.#base.extend(
        {
          object: dynType,
          oldObject: dynType,
          ...admissionVariables,
          ...(hasParams ? { params: dynType } : {}),
          ...(hasAuthorizer
            ? { authorizer: namedOpaque("Authorizer"), "authorizer.requestResource": namedOpaque("ResourceCheck") }
            : {}),
        },
        makesPatches ? patchTypes : undefined,
      );
      this.#known.set(key, known);
    }
    return variables.size === 0 ? known : known.extend({ variables: objectType("kubernetes.variables", variables) });
  }
}

/** `Object`, `Object.spec`, …: any field, of any type; the path of the name is checked against that of the field later. */
function anyObject(name: string): CelType {
  return { kind: "object", name, field: () => dynType };
}

export const objectPatchType = anyObject("Object");
export const jsonPatchType: CelType = objectWith("JSONPatch", {
  op: stringType,
  path: stringType,
  from: stringType,
  value: dynType,
});

const patchTypes: StructTypes = {
  type: (name) => {
    if (name === "JSONPatch") return jsonPatchType;
    return /^Object(\.[\w]+)*$/.test(name) ? anyObject(name) : undefined;
  },
  make: (typeName, fields) => new PatchValue(typeName, fields),
};

class PatchValue implements StructValue {
  readonly isStruct = true;
  readonly typeName: string;
  readonly #fields: ReadonlyMap<string, Value>;

  constructor(typeName: string, fields: ReadonlyMap<string, Value>) {
    this.typeName = typeName;
    this.#fields = fields;
  }

  get(field: string): Value | undefined {
    return this.#fields.get(field);
  }

  fields(): readonly string[] {
    return [...this.#fields.keys()];
  }
}

/** Throws CelError when objects of a patch stand where their names do not say. */
export function checkPatchTypes(value: Value): void {
  const problems = isStruct(value) ? misplaced(value, value.typeName) : [];
  if (problems.length > 0) throw new CelError(problems.join("\n"));
}

function misplaced(value: Value, path: string): readonly string[] {
  if (value instanceof ListValue) return [...value].flatMap((item) => misplaced(item, path));
  if (isMap(value)) return value.keys().flatMap((key) => misplaced(value.get(key) ?? null, path));
  if (!isStruct(value)) return [];
  const names = `${JSON.stringify(value.typeName)}, expected ${JSON.stringify(path)}`;
  const own = `unexpected type name ${names}, which matches field name path from root Object type`;
  const below = value.fields().flatMap((field) => misplaced(value.get(field) ?? null, `${path}.${field}`));
  return value.typeName === path ? below : [own, ...below];
}

/** As upstream prints a type when another one is wanted. */
function typeText(type: CelType): string {
  if (type.kind === "null") return "null_type";
  if (type.kind === "timestamp") return "google.protobuf.Timestamp";
  if (type.kind === "duration") return "google.protobuf.Duration";
  return formatType(type);
}
