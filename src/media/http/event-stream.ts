import { every } from "../../net/clock.ts";
import { problemResponse } from "../../net/problem.ts";
import { readBody } from "../../net/read-body.ts";
import type { LayerReport } from "../control.ts";
import type { MediaService, PeerEvent } from "../service.ts";
import { type EventName, eventNames } from "./link-header.ts";
import type { HttpSession } from "./sessions.ts";

/** Event streams of one session at a time. */
const mostListeners = 4;
/** Bytes that may wait for a client that does not read, before its stream ends. */
const mostWaiting = 65_536;
/** Proxies and servers end a response that is silent for a minute, ms. */
const pingEvery = 20_000;

/**
 * The server-sent-events extension of WHEP. POST takes a list of event names and answers with the URL of their stream; GET opens it,
 * without a query with all events. The streams carry no token: their URL is as unguessable as the session's.
 */
export async function eventStream(
  request: Request,
  session: HttpSession,
  service: Pick<MediaService, "listen">,
): Promise<Response> {
  const allowed = "GET, POST, OPTIONS";
  switch (request.method) {
    case "OPTIONS":
      return new Response(null, {
        status: 204,
        headers: { Allow: allowed, "Accept-Post": "application/json" },
      });
    case "POST":
      return await chooseEvents(request);
    case "GET":
      return openStream(request, session, service);
    default:
      return problemResponse({ status: 405, detail: `Use one of ${allowed}.`, headers: { Allow: allowed } });
  }
}

async function chooseEvents(request: Request): Promise<Response> {
  const body = await readBody(request, "application/json");
  if (!body.ok) return problemResponse(body.error);
  let names: unknown;
  try {
    names = JSON.parse(body.value);
  } catch {
    names = undefined;
  }
  if (!Array.isArray(names) || names.length > 64 || !names.every((name) => typeof name === "string"))
    return problemResponse({
      status: 400,
      detail: `The body must be a JSON list of names: ${eventNames.join(", ")}.`,
    });
  const known = eventNames.filter((name) => names.includes(name));
  const { pathname } = new URL(request.url);
  return new Response(null, { status: 201, headers: { Location: `${pathname}?events=${known.join(",")}` } });
}

function openStream(request: Request, session: HttpSession, service: Pick<MediaService, "listen">): Response {
  if (session.listeners >= mostListeners)
    return problemResponse({
      status: 503,
      detail: `The session has ${mostListeners} event streams. End one of them.`,
      headers: { "Retry-After": "5" },
    });
  const chosen = new URL(request.url).searchParams.get("events")?.split(",");
  const wanted = (name: EventName): boolean => chosen === undefined || chosen.includes(name);
  const encoder = new TextEncoder();
  let end = (): void => {};
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let open = true;
        const write = (text: string): void => {
          if (!open) return;
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(text));
          else finish();
        };
        const send = (name: EventName, data: object): void => {
          if (wanted(name)) write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
        };
        const stopPing = every(pingEvery, () => write(": still here\n\n"));
        let stopListening: (() => void) | undefined;
        end = () => {
          if (!open) return;
          open = false;
          session.listeners--;
          stopPing();
          stopListening?.();
        };
        const finish = (): void => {
          if (!open) return;
          end();
          controller.close();
        };
        session.listeners++;
        stopListening = service.listen(session.id, (event) => {
          tell(event, send, session.videoMid);
          if (event.type === "ended") finish();
        });
        if (stopListening === undefined) finish();
        // What is may have been too much for the client, or the end.
        else if (!open) stopListening();
      },
      cancel: () => end(),
    },
    { highWaterMark: mostWaiting, size: (chunk) => chunk?.length ?? 0 },
  );
  if (request.signal.aborted) end();
  else request.signal.addEventListener("abort", () => end(), { once: true });
  return new Response(stream, {
    status: 200,
    headers: { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" },
  });
}

function tell(
  event: PeerEvent,
  send: (name: EventName, data: object) => void,
  videoMid: string | undefined,
): void {
  switch (event.type) {
    case "active":
    case "inactive":
      send(event.type, {});
      break;
    case "layers":
      send("layers", layersData(event.layers, videoMid));
      break;
    case "viewers":
      send("viewercount", { viewercount: event.count });
      break;
    case "ended":
      send("reconnect", { reason: event.reason });
      break;
  }
}

/** The layers of the video by the id of its section, in the form of the extension. A layer without packets is not active. */
function layersData(layers: readonly LayerReport[], mid: string | undefined): object {
  if (mid === undefined) return {};
  const told = layers.map(({ rid, bitrate, width, height }, simulcastIdx) => {
    const size = { ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }) };
    return { rid, simulcastIdx, bitrate, ...size };
  });
  const withId = told.map(({ rid, ...rest }) => ({ id: rid, ...rest }));
  return {
    [mid]: {
      active: withId.filter(({ bitrate }) => bitrate > 0),
      inactive: withId.filter(({ bitrate }) => bitrate === 0),
      layers: told
        .filter(({ bitrate }) => bitrate > 0)
        .map(({ rid, ...rest }) => ({ encodingId: rid, ...rest })),
    },
  };
}
