import { Type } from "typebox";
import { eventTypes, matchesEvent } from "../../events/catalog.ts";
import type { ApiContext } from "../context.ts";
import { answerEvents, eventStream, readPlaces } from "../event-stream.ts";
import { type Operation, operation } from "../operation.ts";
import { closed } from "./schemas.ts";

/** Streams that a node serves at a time. */
const mostStreams = 64;

/** The events of the whole cluster, as they happen. */
export function eventOperations({ survey, eventLog, node, wall }: ApiContext): Operation[] {
  const log = eventLog?.();
  if (log !== undefined) answerEvents(survey, node, log);
  let streams = 0;
  return [
    operation({
      ...{ id: "streamEvents", method: "GET", path: "/events", tag: "Events", scope: "events:read" },
      ...{ summary: "All events as server-sent events, as they happen", refuses: [409, 503] },
      description:
        "Each has the body of a webhook (docs/events.md) as `data` and its type as `event`. A reader who comes back with `Last-Event-ID`, at any node, goes on there. Nodes keep their last 10,000 events; an event `gap` with `{node}` says that some of that node's are gone, because the reader was too slow or away too long, or the node has started anew.",
      query: Type.Object(
        {
          types: Type.Optional(
            Type.String({
              maxLength: 1_024,
              description: "Names and families, with commas between: `session.*,device.online`.",
            }),
          ),
        },
        closed,
      ),
      answers: { 200: { description: "The events.", stream: true } },
      perform: ({ query, signal, headers }) => {
        if (log === undefined)
          return {
            ...{ status: 409, code: "not_configured" },
            detail: "The setting records.enabled is false: this server makes no events.",
          };
        const types = query.types?.split(",");
        const unknown = types?.find((pattern) => !eventTypes.some((type) => matchesEvent(pattern, type)));
        if (unknown !== undefined) return badRequest("types", `there is no event ${unknown.slice(0, 64)}.`);
        const id = headers.get("last-event-id") ?? "";
        const places = id === "" ? undefined : readPlaces(id);
        if (id !== "" && places === undefined)
          return badRequest("Last-Event-ID", "must be the id of an event of this stream.");
        if (streams >= mostStreams)
          return {
            ...{ status: 503, code: "temporary", headers: { "Retry-After": "10" } },
            detail: `This node serves ${mostStreams} streams of events already.`,
          };
        streams += 1;
        const ended = (): void => {
          streams -= 1;
        };
        return { status: 200, stream: eventStream({ survey, now: wall, types, places, signal, ended }) };
      },
    }),
  ];
}

function badRequest(field: string, why: string) {
  return { status: 400, code: "bad_request", detail: `${field}: ${why}`, more: { field } };
}
