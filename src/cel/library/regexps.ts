import { compileRegexp, type LinearRegexp } from "../../apimachinery/regexp/regexp.ts";
import { LruMap } from "../../component-base/lru-map.ts";
import { CelError } from "../errors.ts";

/** Patterns compiled of late. */
const keptMax = 256;

/** Patterns of expressions, compiled once where they repeat. */
export class Regexps {
  readonly #known = new LruMap<string, LinearRegexp>(keptMax);

  /** Throws CelError with Go's words for what is no pattern. */
  get(pattern: string): LinearRegexp {
    const known = this.#known.get(pattern);
    if (known) return known;
    const { regexp, error = "" } = compileRegexp(pattern);
    if (!regexp) throw new CelError(error);
    this.#known.set(pattern, regexp);
    return regexp;
  }
}
