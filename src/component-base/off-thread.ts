let underWay = 0;

/**
 * Tells of work that another thread does, such as a signature, until it is done: it needs no passing of time on a clock, however
 * long it takes, and a test that moves the clock has to wait for it.
 */
export async function offThread<T>(work: Promise<T>): Promise<T> {
  underWay++;
  try {
    return await work;
  } finally {
    underWay--;
  }
}

export function isWorkOffThread(): boolean {
  return underWay > 0;
}
