import type { CustomResourceDefinition } from "../api/apiextensions/v1/types.gen.ts";
import type { APIService } from "../api/apiregistration/v1/types.gen.ts";
import { isAlreadyExists } from "../apimachinery/errors/status-error.ts";
import { deepEqual } from "../apimachinery/object.ts";
import type { ApiGroup } from "../apimachinery/scheme/scheme.ts";
import type { StorageLister } from "../apiserver/registry/rest/registry-access.ts";
import { apiServiceName, groupVersionOfName } from "./api-service.ts";
import type { ApiServiceWriter } from "./api-service-writer.ts";
import { builtinPriority, customResourcePriority, metricsPriority, type Priority } from "./priorities.ts";

const managedLabel = "kube-aggregator.kubernetes.io/automanaged";

/**
 * How much of an APIService is this server's:
 * - `onstart`: it is made, and made right, when the server starts; what happens to it afterwards is its users' business.
 * - `true`: always as it should be, and gone when it should not be.
 * - `once`: made when there is none at start, and never touched again, so that somebody else's may take its place.
 */
type Management = "onstart" | "true" | "once";

interface Wanted {
  readonly management: Management;
  readonly spec: APIService["spec"];
}

/** Keeps an APIService for each version this server serves itself: built-in ones and those of custom resources. */
export class AutoRegistration {
  readonly #lister: StorageLister<APIService>;
  readonly #definitions: StorageLister<CustomResourceDefinition>;
  readonly #writer: ApiServiceWriter;
  readonly #own = new Map<string, Wanted>();
  /** There when the server started: what it made then in former lives. */
  readonly #atStart: ReadonlySet<string>;
  readonly #synced = new Set<string>();

  constructor(options: {
    readonly apiServices: StorageLister<APIService>;
    readonly definitions: StorageLister<CustomResourceDefinition>;
    readonly writer: ApiServiceWriter;
    readonly own: readonly ApiGroup[];
  }) {
    this.#lister = options.apiServices;
    this.#definitions = options.definitions;
    this.#writer = options.writer;
    for (const { group, versions } of options.own) for (const version of versions) this.#addOwn({ group, version });
    this.#atStart = new Set(this.#lister.list().map(({ metadata }) => metadata.name));
  }

  /** The names to look at, at start. */
  get names(): ReadonlySet<string> {
    const ofDefinitions = this.#definitions.list().flatMap(namesOf);
    return new Set([...this.#own.keys(), ...ofDefinitions, ...this.#atStart]);
  }

  #addOwn(gv: { readonly group: string; readonly version: string }): void {
    // Itself is not registered with itself.
    if (gv.group === "apiregistration.k8s.io") return;
    const priority = builtinPriority(gv.group, gv.version);
    if (priority) this.#own.set(apiServiceName(gv), { management: "onstart", spec: specOf(gv, priority) });
    else if (gv.group === "metrics.k8s.io")
      this.#own.set(apiServiceName(gv), { management: "once", spec: specOf(gv, metricsPriority) });
  }

  #wanted(name: string): Wanted | undefined {
    const own = this.#own.get(name);
    if (own) return own;
    const gv = groupVersionOfName(name);
    const isServed = this.#definitions
      .list()
      .some(
        ({ spec }) =>
          spec.group === gv.group && spec.versions.some(({ name, served }) => name === gv.version && served),
      );
    return isServed ? { management: "true", spec: specOf(gv, customResourcePriority) } : undefined;
  }

  /**
   * Makes one APIService what it should be.
   *
   *     there is            wanted: no         onstart, once   true
   *     nothing             -                  create once     create
   *     somebody else's     -                  -               -
   *     onstart, since then -                  -               -
   *     onstart, at start   delete once        update once     update once
   *     true                delete             update once     update
   */
  async reconcile(name: string): Promise<void> {
    const wasSynced = this.#synced.has(name);
    await this.#reconcile(name, wasSynced);
    this.#synced.add(name);
  }

  async #reconcile(name: string, wasSynced: boolean): Promise<void> {
    const wanted = this.#wanted(name);
    const current = this.#lister.get("", name);
    if (wanted && wanted.management !== "true" && wasSynced) return;
    if (!current) {
      if (wanted) await this.#create(name, wanted);
      return;
    }
    const label = current.metadata.labels?.[managedLabel];
    if (label !== "onstart" && label !== "true") return;
    if (label === "onstart" && (wasSynced || !this.#atStart.has(name))) return;
    if (!wanted) await this.#writer.remove(current);
    else if (!deepEqual(current.spec, wanted.spec)) await this.#writer.setSpec(current, wanted.spec);
  }

  async #create(name: string, { management, spec }: Wanted): Promise<void> {
    const labels = management === "once" ? {} : { labels: { [managedLabel]: management } };
    try {
      await this.#writer.create({ name, ...labels }, spec);
    } catch (error) {
      // Made by somebody else meanwhile: its event is on the way.
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

function specOf(
  gv: { readonly group: string; readonly version: string },
  { group: groupPriorityMinimum, version: versionPriority }: Priority,
): APIService["spec"] {
  // An empty group is left out, as everything empty is.
  return {
    ...(gv.group === "" ? {} : { group: gv.group }),
    version: gv.version,
    groupPriorityMinimum,
    versionPriority,
  };
}

/** Of the APIServices a definition may have a part in. */
export function namesOf({ spec }: CustomResourceDefinition): readonly string[] {
  return spec.versions.map(({ name }) => apiServiceName({ group: spec.group, version: name }));
}
