import type { Endpoint, EndpointPort, EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { identityOf, portsKey, type EndpointGroup } from "./endpoint-set.ts";

/** What a slice is to contain. */
export interface SliceContent {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** The writes that lead from the slices there are to the endpoints wanted. */
export interface SlicePlan {
  readonly create: readonly SliceContent[];
  readonly update: readonly { readonly slice: EndpointSlice; readonly content: SliceContent }[];
  readonly keep: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/**
 * Plans with few writes rather than full slices: endpoints stay where they are; what is new goes first into slices that
 * change anyhow, then whole into the fullest unchanged slice with room, then into new slices. All slices are of one
 * Service and address family. There is always at least one slice, empty when there are no endpoints, so that "none" is
 * told apart from "not looked at yet".
 */
export function planSlices(
  wanted: ReadonlyMap<string, EndpointGroup>,
  existing: readonly EndpointSlice[],
  endpointsMax: number,
): SlicePlan {
  const byPorts = Map.groupBy(existing, (slice) => portsKey(slice.ports));
  const plan = {
    create: [] as SliceContent[],
    update: [] as { slice: EndpointSlice; content: SliceContent }[],
    keep: [] as EndpointSlice[],
    remove: [] as EndpointSlice[],
  };
  for (const [key, group] of wanted) {
    const part = planGroup(group, byPorts.get(key) ?? [], endpointsMax);
    plan.create.push(...part.create);
    plan.update.push(...part.update);
    plan.keep.push(...part.keep);
    plan.remove.push(...part.remove);
  }
  for (const [key, slices] of byPorts) if (!wanted.has(key)) plan.remove.push(...slices);
  const isEmpty = plan.create.length + plan.update.length + plan.keep.length === 0;
  if (isEmpty) plan.create.push({ ports: [], endpoints: [] });
  return reuseRemoved(plan);
}

/** A slice to create takes the place of one to remove: one write instead of two, and no moment without either. */
function reuseRemoved(plan: SlicePlan): SlicePlan {
  const create = [...plan.create];
  const remove = [...plan.remove];
  const update = [...plan.update];
  const keep = [...plan.keep];
  while (create.length > 0 && remove.length > 0) {
    const content = create.pop();
    const slice = remove.pop();
    if (!content || !slice) break;
    if (isContent(slice, content)) keep.push(slice);
    else update.push({ slice, content });
  }
  return { create, update, keep, remove };
}

function isContent(slice: EndpointSlice, content: SliceContent): boolean {
  return semanticEqual(slice.ports, content.ports) && semanticEqual(slice.endpoints, content.endpoints);
}

function planGroup(group: EndpointGroup, existing: readonly EndpointSlice[], endpointsMax: number): SlicePlan {
  const left = new Map(group.endpoints);
  const changed: { slice: EndpointSlice; endpoints: Endpoint[] }[] = [];
  const unchanged: { slice: EndpointSlice; endpoints: Endpoint[] }[] = [];
  const remove: EndpointSlice[] = [];
  for (const slice of existing) {
    const { endpoints, isChanged } = retain(slice, left);
    if (endpoints.length === 0) remove.push(slice);
    else (isChanged ? changed : unchanged).push({ slice, endpoints });
  }
  for (const entry of changed) take(left, entry.endpoints, endpointsMax);
  // Last endpoints prefer one slice that has room for them all, the fuller the better.
  if (left.size > 0 && left.size < endpointsMax) {
    const fitting = unchanged
      .filter((entry) => entry.endpoints.length + left.size <= endpointsMax)
      .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
    if (fitting) {
      take(left, fitting.endpoints, endpointsMax);
      unchanged.splice(unchanged.indexOf(fitting), 1);
      changed.push(fitting);
    }
  }
  const create: SliceContent[] = [];
  while (left.size > 0) {
    const endpoints: Endpoint[] = [];
    take(left, endpoints, endpointsMax);
    create.push({ ports: group.ports, endpoints });
  }
  return {
    create,
    update: changed.map(({ slice, endpoints }) => ({ slice, content: { ports: group.ports, endpoints } })),
    keep: unchanged.map((entry) => entry.slice),
    remove,
  };
}

/** The slice's endpoints that are still wanted, in their present state; they are taken from `left`. */
function retain(slice: EndpointSlice, left: Map<string, Endpoint>): { endpoints: Endpoint[]; isChanged: boolean } {
  const endpoints: Endpoint[] = [];
  let isChanged = false;
  for (const current of slice.endpoints ?? []) {
    const id = identityOf(current);
    const wanted = left.get(id);
    left.delete(id);
    if (wanted) endpoints.push(wanted);
    if (!wanted || !semanticEqual(wanted, current)) isChanged = true;
  }
  return { endpoints, isChanged };
}

function take(from: Map<string, Endpoint>, into: Endpoint[], max: number): void {
  for (const [id, endpoint] of from) {
    if (into.length >= max) return;
    into.push(endpoint);
    from.delete(id);
  }
}
