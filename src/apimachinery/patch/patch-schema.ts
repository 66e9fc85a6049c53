/** What strategic merge needs to know of the fields of one object. */
export interface PatchSchema {
  /** Undefined for a field the kind does not have, or whose content is opaque. */
  field(name: string): FieldPatchSchema | undefined;
}

export interface FieldPatchSchema {
  /** `merge`, `replace`, `retainKeys`, or several of them. None: objects merge, lists are replaced. */
  readonly strategies: readonly string[];
  /** The member that identifies the items of a list that merges. */
  readonly mergeKey?: string;
  /** Of the object, of each item of the list, or of each value of the map that the field holds. */
  readonly schema?: PatchSchema;
}

// Members of a strategic merge patch that are instructions, not data.

/** `replace` or `delete`, in the object or list item it is about. */
export const patchDirective = "$patch";
/** The members the object keeps; all others go. */
export const retainKeysDirective = "$retainKeys";
/** `$deleteFromPrimitiveList/finalizers`: the values to take out of a list of scalars. */
export const deleteFromListPrefix = "$deleteFromPrimitiveList/";
/** `$setElementOrder/containers`: the order of the items of a list that merges. */
export const elementOrderPrefix = "$setElementOrder/";

/** What is neither an API field nor known otherwise: maps merge, lists are replaced. */
export const opaquePatchSchema: PatchSchema = { field: () => undefined };
