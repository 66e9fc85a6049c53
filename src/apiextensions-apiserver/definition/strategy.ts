import type { CustomResourceDefinition, CustomResourceDefinitionSpec } from "../../api/apiextensions/v1/types.gen.ts";
import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { Strategy, SubresourceStrategy } from "../../apiserver/registry/rest/strategy.ts";
import { cleanupFinalizer, setCondition } from "./conditions.ts";
import { formatWarnings } from "./format-warnings.ts";
import { validateAcceptedNames, validateDefinition, validateDefinitionUpdate } from "./validate-definition.ts";

/**
 * The rules of CustomResourceDefinitions. A definition that is deleted keeps a finalizer until the controller has deleted all
 * instances.
 */
export const definitionStrategy: Strategy<CustomResourceDefinition> = {
  generation: "spec",
  allowUnconditionalUpdate: false,
  prepareForCreate: (definition) => {
    nullIsEmpty(definition);
    const stored = storedVersion(definition.spec);
    definition.status = {
      conditions: null,
      acceptedNames: { plural: "", kind: "" },
      storedVersions: stored === "" ? null : [stored],
    };
  },
  prepareForUpdate: (definition) => {
    nullIsEmpty(definition);
    // What has ever been stored may still be, until somebody has rewritten all of it and says so.
    const stored = storedVersion(definition.spec);
    const before = definition.status.storedVersions ?? [];
    if (stored !== "" && !before.includes(stored)) definition.status.storedVersions = [...before, stored];
  },
  warningsOnCreate: (definition) => formatWarnings(definition),
  warningsOnUpdate: (definition, old) => formatWarnings(definition, old),
  validateInSteps: (definition, old) =>
    old ? validateDefinitionUpdate(definition, old) : validateDefinition(definition),
  hasPendingFinalizers: (definition) => definition.metadata.deletionTimestamp === undefined,
  prepareForGracefulDelete: (definition) => {
    const { finalizers = [] } = definition.metadata;
    if (!finalizers.includes(cleanupFinalizer)) definition.metadata.finalizers = [...finalizers, cleanupFinalizer];
    setCondition(
      definition,
      {
        type: "Terminating",
        isTrue: true,
        reason: "InstanceDeletionPending",
        message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
      },
      // A definition has no grace period: its deletion is now.
      Date.parse(definition.metadata.deletionTimestamp ?? ""),
    );
  },
};

/** What clients may say of a definition's state: versions nothing is stored in any more may be taken from the list. */
export const definitionStatusStrategy: SubresourceStrategy<CustomResourceDefinition> = {
  validateUpdate: (definition) => validateAcceptedNames(definition),
  allowUnconditionalUpdate: false,
};

/** A list that is null is judged as an empty one. */
function nullIsEmpty({ spec }: Mutable<CustomResourceDefinition>): void {
  if (!Array.isArray(spec.versions)) spec.versions = [];
}

function storedVersion(spec: CustomResourceDefinitionSpec): string {
  return spec.versions.find(({ storage }) => storage)?.name ?? "";
}
