import type { MatchResources, ParamKind, Variable } from "../../../api/admissionregistration/v1/types.gen.ts";
import { LruMap } from "../../../component-base/lru-map.ts";
import { boolType, type CelType } from "../../../cel/types/cel-type.ts";
import type { StorageLister } from "../../../apiserver/registry/rest/registry-access.ts";
import type { AdmissionEnvironments, Compiled, ExpressionScope } from "../expressions/admission-environment.ts";
import type { MatchCriteria } from "../matching.ts";

/** What validating and mutating policies have in common. */
export interface PolicyObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly spec?: {
    readonly paramKind?: ParamKind;
    readonly matchConstraints?: MatchResources;
    readonly variables?: readonly Variable[];
  };
}

export interface BindingObject {
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly policyName?: string; readonly matchResources?: MatchResources };
}

/** Policies with their bindings, both by name, as they are asked; derived again when either changes. */
export class PolicyIndex<P extends PolicyObject, B extends BindingObject> {
  readonly #policies: Pick<StorageLister<P>, "list" | "revision">;
  readonly #bindings: Pick<StorageLister<B>, "list" | "revision">;
  #revisions = [-1, -1];
  #bound: readonly { readonly policy: P; readonly bindings: readonly B[] }[] = [];

  constructor(
    policies: Pick<StorageLister<P>, "list" | "revision">,
    bindings: Pick<StorageLister<B>, "list" | "revision">,
  ) {
    this.#policies = policies;
    this.#bindings = bindings;
  }

  /** Policies without a binding are not among them: they have no effect. */
  bound(): readonly { readonly policy: P; readonly bindings: readonly B[] }[] {
    const revisions = [this.#policies.revision, this.#bindings.revision];
    if (revisions.join() === this.#revisions.join()) return this.#bound;
    const byPolicy = Map.groupBy(sortedByName(this.#bindings.list()), ({ spec }) => spec?.policyName ?? "");
    this.#bound = sortedByName(this.#policies.list()).flatMap((policy) => {
      const bindings = byPolicy.get(policy.metadata.name);
      return bindings ? [{ policy, bindings }] : [];
    });
    this.#revisions = revisions;
    return this.#bound;
  }
}

function sortedByName<T extends { readonly metadata: { readonly name: string } }>(objects: readonly T[]): readonly T[] {
  return objects.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** Policies kept compiled. */
const keptMax = 1024;

/** What policies were compiled to, as long as they stay the same. */
export class CompiledPolicies<C> {
  readonly #known = new LruMap<string, C>(keptMax);

  of<P extends PolicyObject>(policy: P, compile: (policy: P) => C): C {
    const { uid, resourceVersion } = policy.metadata;
    const key = `${uid}/${resourceVersion}`;
    let known = this.#known.get(key);
    if (!known) this.#known.set(key, (known = compile(policy)));
    return known;
  }
}

export function criteriaOf(resources: MatchResources | undefined): MatchCriteria {
  const { resourceRules = [], excludeResourceRules, matchPolicy, namespaceSelector, objectSelector } = resources ?? {};
  return {
    rules: resourceRules.length > 0 ? resourceRules : undefined,
    excludedRules: excludeResourceRules,
    matchPolicy,
    namespaceSelector,
    objectSelector,
  };
}

/** Compiles a policy's expressions: variables first, of which each may use those before it. */
export class PolicyCompiler {
  readonly #environments: AdmissionEnvironments;
  readonly #hasParams: boolean;
  readonly #types = new Map<string, CelType>();
  readonly variables = new Map<string, Compiled>();

  constructor(environments: AdmissionEnvironments, hasParams: boolean) {
    this.#environments = environments;
    this.#hasParams = hasParams;
  }

  variable({ name, expression }: Variable): Compiled {
    const compiled = this.compile(expression, []);
    this.variables.set(name, compiled);
    this.#types.set(name, "program" in compiled ? compiled.program.type : { kind: "dyn" });
    return compiled;
  }

  validation(text: string): Compiled {
    return this.compile(text, [boolType]);
  }

  compile(text: string, wanted: readonly CelType[], options: Partial<ExpressionScope> = {}): Compiled {
    const scope = { hasParams: this.#hasParams, hasAuthorizer: true, makesPatches: false, variables: this.#types };
    return this.#environments.compile(text, { ...scope, ...options }, wanted);
  }
}
