import { cloneJson, deepEqual } from "../../apimachinery/object.ts";
import type { AdmissionAttributes } from "../../apiserver/admission/admission-plugin.ts";

/** Of one request, which of a plugin's webhooks or policies may see the object once more. What the first round tells the second. */
export class Reinvocation {
  /** May be asked again: they want to, and were asked before somebody else changed the object. */
  readonly #again = new Set<string>();
  readonly #asked = new Set<string>();
  #output: unknown;

  /** That of the plugin, begun in the first round; knows whether other plugins have changed the object since. */
  static of(plugin: string, { rounds, object }: AdmissionAttributes): Reinvocation {
    const known = rounds.memory.get(plugin);
    const own = known instanceof Reinvocation ? known : new Reinvocation();
    rounds.memory.set(plugin, own);
    if (rounds.isSecond && !deepEqual(own.#output, object)) own.#allow();
    return own;
  }

  /** Whether it is its turn: in the second round only of those that may be asked again. */
  takes(id: string, { rounds }: AdmissionAttributes): boolean {
    const isTurn = !rounds.isSecond || this.#again.has(id);
    this.#again.delete(id);
    return isTurn;
  }

  /** It has been asked; a change lets those before it see the object again. */
  done(
    id: string,
    { rounds }: AdmissionAttributes,
    { hasChanged, wantsMore }: { readonly hasChanged: boolean; readonly wantsMore: boolean },
  ): void {
    if (hasChanged) {
      this.#allow();
      rounds.isSecondWanted = true;
    }
    if (wantsMore) this.#asked.add(id);
  }

  /** The plugin has done with the object as it is. */
  end({ object }: AdmissionAttributes): void {
    this.#output = object && cloneJson(object);
  }

  #allow(): void {
    for (const id of this.#asked) this.#again.add(id);
  }
}
