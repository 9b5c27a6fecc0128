/** What of a `node:http` or `node:https` server is needed to take part in it. */
export interface NodeHost {
  // biome-ignore lint/suspicious/noExplicitAny: as Node's own events have them
  on(event: string, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as Node's own events have them
  off(event: string, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as Node's own events have them
  emit(event: string, ...args: any[]): boolean;
  listenerCount(event: string): number;
  close(done?: (error?: Error) => void): unknown;
}
