import { quiet } from "./error.ts";

/** A promise with the functions that settle it. Its rejection may go unhandled. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Like `Promise.withResolvers`, which last year's browsers lack. */
export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise: quiet(promise), resolve, reject };
}
