import type { Static } from "typebox";
import type { ApplicationEvent, events } from "../events/catalog.ts";
import type { Hooks } from "../hooks/hooks.ts";

type Events = typeof events;

/** An event of this node, as docs/events.md has it. `id`: the same as that of its webhook. */
export type ObservedEvent = {
  [T in keyof Events]: {
    readonly type: T;
    readonly id: string;
    /** RFC 3339. */
    readonly timestamp: string;
    readonly data: Static<Events[T]["data"]>;
  };
}[keyof Events];

/** Hears events as they happen. What it returns is not waited for; what it throws is logged. */
export type Observer = (event: ObservedEvent) => unknown;

/** What a program that a server is part of gives it beside settings: decisions, and who hears events. */
export interface Functions extends Hooks {
  /** Hear the events of this server as they happen. */
  readonly observers?: readonly Observer[];
}

/** Tells the observers of an event, after the work in hand, in order. `ahead`: how far the system's clock is ahead of the core's, ms. */
export function tellObservers(
  observers: readonly Observer[],
  { id, type, at, data }: ApplicationEvent,
  ahead: number,
  fault: (where: string, error: unknown) => void,
): void {
  if (observers.length === 0) return;
  const event = { type, id, timestamp: new Date(at + ahead).toISOString(), data } as ObservedEvent;
  queueMicrotask(async () => {
    for (const observer of observers) {
      const failed = (error: unknown): void => fault("observers", error);
      try {
        Promise.resolve(observer(event)).catch(failed);
      } catch (error) {
        failed(error);
      }
    }
  });
}
