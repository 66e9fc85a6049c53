/** How fast the smoothed demand falls: with one step in ten seconds, by half in five minutes. */
const smoothingCoefficient = 0.977;

/**
 * How many seats a priority level could use, over time: average, deviation and peak since the last `next`, and a value that
 * rises with the demand at once and falls slowly.
 */
export class SeatDemand {
  #value = 0;
  #sinceMs: number;
  #elapsed = 0;
  #integral = 0;
  #integralOfSquares = 0;
  #max = 0;
  highWatermark = 0;
  average = 0;
  deviation = 0;
  smoothed = 0;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  set(value: number, nowMs: number): void {
    this.#account(nowMs);
    this.#value = value;
    if (value > this.#max) this.#max = value;
  }

  /** Ends a period: the public fields tell of it, and the next begins. */
  next(nowMs: number): void {
    this.#account(nowMs);
    this.highWatermark = Math.round(this.#max);
    if (this.#elapsed > 0) {
      const average = this.#integral / this.#elapsed;
      this.average = average;
      // A variance below zero comes of rounding.
      this.deviation = Math.sqrt(Math.max(this.#integralOfSquares / this.#elapsed - average * average, 0));
      const envelope = this.average + this.deviation;
      const falling = smoothingCoefficient * this.smoothed + (1 - smoothingCoefficient) * envelope;
      this.smoothed = Math.max(envelope, falling);
    }
    this.#elapsed = 0;
    this.#integral = 0;
    this.#integralOfSquares = 0;
    this.#max = this.#value;
  }

  #account(nowMs: number): void {
    const elapsed = nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
    this.#elapsed += elapsed;
    this.#integral += this.#value * elapsed;
    this.#integralOfSquares += this.#value * this.#value * elapsed;
  }
}
