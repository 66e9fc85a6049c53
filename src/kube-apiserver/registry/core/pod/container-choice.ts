import { badRequest } from "../../../../apimachinery/errors/new.ts";
import type { Pod } from "../../../../api/core/v1/types.gen.ts";

const defaultContainerAnnotation = "kubectl.kubernetes.io/default-container";

/** The container a client means; the only one, or the annotated one, when it names none. Throws BadRequest. */
export function chooseContainer(pod: Pod, asked: string): string {
  const { spec, metadata } = pod;
  const names = (containers: readonly { readonly name: string }[] | undefined): readonly string[] =>
    (containers ?? []).map((container) => container.name);
  const regular = names(spec.containers);
  const init = names(spec.initContainers);
  const ephemeral = names(spec.ephemeralContainers);
  const all = [...regular, ...init, ...ephemeral];
  if (asked !== "") {
    if (all.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${metadata.name}`);
  }
  const [only] = regular;
  if (only !== undefined && regular.length === 1) return only;
  const annotated = metadata.annotations?.[defaultContainerAnnotation];
  if (annotated && all.includes(annotated)) return annotated;
  let why = `a container name must be specified for pod ${metadata.name}, choose one of: [${regular.join(" ")}]`;
  if (init.length > 0) why += ` or one of the init containers: [${init.join(" ")}]`;
  if (ephemeral.length > 0) why += ` or one of the ephemeral containers: [${ephemeral.join(" ")}]`;
  throw badRequest(why);
}
