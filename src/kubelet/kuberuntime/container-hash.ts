import type { Container } from "../../api/core/v1/types.gen.ts";
import { fnv1a32 } from "../../component-helpers/hash.ts";

/** Changes when a running container must be replaced because its definition did: only the image may be updated in place. */
export function containerHash(container: Container): string {
  return fnv1a32(JSON.stringify({ name: container.name, image: container.image })).toString(16);
}
