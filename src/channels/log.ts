/** What the channels log to: pino's shape. Context first, then one calm sentence. */
export interface Log {
  info(context: object, message: string): void;
  warn(context: object, message: string): void;
  error(context: object, message: string): void;
}
