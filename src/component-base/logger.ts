/** Values attached to a log line; rendered as key=value. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured logging as a port. Messages are constant text; what varies goes into the fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  with(fields: LogFields): Logger;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A Logger that hands each record at or above `level` to `write`. */
export function createLogger(
  write: (record: LogRecord) => void,
  level: LogLevel = "info",
  fields: LogFields = {},
): Logger {
  const emit = (at: LogLevel, message: string, more?: LogFields): void => {
    if (rank[at] >= rank[level]) write({ level: at, message, fields: more ? { ...fields, ...more } : fields });
  };
  return {
    debug: (m, f) => emit("debug", m, f),
    info: (m, f) => emit("info", m, f),
    warn: (m, f) => emit("warn", m, f),
    error: (m, f) => emit("error", m, f),
    with: (f) => createLogger(write, level, { ...fields, ...f }),
  };
}

/** Drops everything. */
export const silentLogger: Logger = createLogger(() => {}, "error");

/** One line of text: `I message key="value"`. */
export function formatLogRecord(record: LogRecord): string {
  let line = `${record.level.charAt(0).toUpperCase()} ${record.message}`;
  for (const [key, value] of Object.entries(record.fields)) line += ` ${key}=${formatValue(value)}`;
  return line;
}

function formatValue(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(errorText(value));
  if (typeof value === "string") return JSON.stringify(value);
  return JSON.stringify(value) ?? String(value);
}

/** An error's message followed by the messages of its causes. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${errorText(error.cause)}`;
}
