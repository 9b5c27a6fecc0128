import { Type } from "typebox";
import { matchesEvent } from "../events/catalog.ts";
import type { EventLog, LogPage } from "../events/event-log.ts";
import type { Survey } from "../signaling/survey.ts";
import { polledStream } from "./polled-stream.ts";

/** Where somebody is in the log of each node. */
type Places = ReadonlyMap<string, { readonly run: string; readonly upTo: number }>;

const Place = Type.Object({ run: Type.String({ maxLength: 64 }), upTo: Type.Integer({ minimum: 0 }) });

/** What every node is asked: its events after a place. A node that is not in it tells where it is. */
const eventsQuestion = {
  name: "events",
  argument: Type.Object({ places: Type.Record(Type.String(), Place), fresh: Type.Boolean() }),
  answer: Type.Object({
    run: Type.String(),
    upTo: Type.Integer({ minimum: 0 }),
    gap: Type.Boolean(),
    events: Type.Array(Type.Object({ n: Type.Integer(), type: Type.String(), body: Type.String() })),
  }),
} as const;

/** Answers {@link eventsQuestion} for this node. */
export function answerEvents(survey: Survey, node: string, log: EventLog): void {
  survey.answers(eventsQuestion, ({ places, fresh }): LogPage => {
    const place = Object.hasOwn(places, node) ? places[node] : undefined;
    if (place !== undefined) return log.read(place.run, place.upTo);
    // A node that the reader has not met yet has joined since.
    return fresh ? log.read(undefined, 0) : log.read(log.run, 0);
  });
}

export interface EventStreamOptions {
  readonly survey: Survey;
  readonly now: () => number;
  /** Names and families such as `session.*`; undefined for all. */
  readonly types: readonly string[] | undefined;
  /** Undefined: from now on. */
  readonly places: Places | undefined;
  /** The client goes away. */
  readonly signal: AbortSignal;
  ended(): void;
}

/**
 * The events of all nodes as server-sent events. Nothing is kept for a reader: who reads slowly stays behind in the logs of the nodes, and
 * is told of a gap where they have gone on without it. The id of each event is the place in all logs, so that `Last-Event-ID` goes on from
 * there at any node.
 */
export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const { survey, now, types, signal, ended } = options;
  const places = new Map(options.places);
  let fresh = options.places === undefined;
  const read = async (): Promise<string> => {
    const argument = { places: Object.fromEntries(places), fresh };
    const { answers } = await survey.ask(eventsQuestion, argument);
    fresh = false;
    let text = "";
    for (const [node, page] of answers as ReadonlyMap<string, LogPage>) {
      if (page.gap) text += `event: gap\ndata: ${JSON.stringify({ node })}\n\n`;
      for (const { n, type, body } of page.events) {
        places.set(node, { run: page.run, upTo: n });
        if (types === undefined || types.some((pattern) => matchesEvent(pattern, type)))
          text += `id: ${writePlaces(places)}\nevent: ${type}\ndata: ${body}\n\n`;
      }
      places.set(node, { run: page.run, upTo: page.upTo });
    }
    return text;
  };
  return polledStream({ read, idle: () => `id: ${writePlaces(places)}\n\n`, now, signal, ended });
}

/** `NODE=RUN.NUMBER`, with commas between. */
function writePlaces(places: Places): string {
  return [...places].map(([node, { run, upTo }]) => `${encodeURIComponent(node)}=${run}.${upTo}`).join(",");
}

/** Undefined for a text that is no id of ours. */
export function readPlaces(text: string): Places | undefined {
  const places = new Map<string, { run: string; upTo: number }>();
  for (const part of text.split(",")) {
    const [, node = "", run = "", number = ""] =
      /^([\w.%!~*'()-]{1,1024})=([\w-]{1,64})\.(\d{1,15})$/.exec(part) ?? [];
    if (node === "") return undefined;
    try {
      places.set(decodeURIComponent(node), { run, upTo: Number(number) });
    } catch {
      return undefined;
    }
  }
  return places;
}
