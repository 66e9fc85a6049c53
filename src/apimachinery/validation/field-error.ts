/** One thing wrong with one field. */
export interface FieldError {
  readonly type: string;
  readonly field: string;
  readonly badValue?: unknown;
  readonly detail: string;
}
