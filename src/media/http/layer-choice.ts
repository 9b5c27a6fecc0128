import { problemResponse } from "../../net/problem.ts";
import { readBody } from "../../net/read-body.ts";
import type { MediaService } from "../service.ts";
import { mediaProblem } from "./problem.ts";
import type { HttpSession } from "./sessions.ts";

type Preference = Parameters<MediaService["prefer"]>[1];

/** The layer extension of WHEP: POST chooses a layer, DELETE leaves the choice to the server. */
export async function chooseLayer(
  request: Request,
  session: HttpSession,
  service: Pick<MediaService, "prefer">,
): Promise<Response> {
  const allowed = "POST, DELETE, OPTIONS";
  if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: { Allow: allowed } });
  if (request.method === "DELETE") return prefer({});
  if (request.method !== "POST")
    return problemResponse({ status: 405, detail: `Use one of ${allowed}.`, headers: { Allow: allowed } });
  const body = await readBody(request, "application/json");
  if (!body.ok) return problemResponse(body.error);
  const preference = readPreference(body.value);
  return preference === undefined
    ? problemResponse({
        status: 400,
        detail:
          "The body is not a choice of a layer. Send a JSON object with encodingId, maxHeight, maxBitrate or maxTemporalLayerId.",
      })
    : prefer(preference);

  function prefer(wanted: Preference): Response {
    const preferred = service.prefer(session.id, wanted);
    return preferred.ok
      ? new Response(null, { status: 200 })
      : problemResponse(mediaProblem(preferred.error));
  }
}

/** The names are those of the extension; `maxHeight` and `maxBitrate` are our own. Undefined for anything that chooses nothing. */
function readPreference(text: string): Preference | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
  const fields = body as Record<string, unknown>;
  const rid = fields.encodingId;
  if (rid !== undefined && (typeof rid !== "string" || !/^[\w-]{0,16}$/.test(rid))) return undefined;
  const height = fields.maxHeight;
  const bitrate = fields.maxBitrate;
  const temporal = fields.temporalLayerId ?? fields.maxTemporalLayerId;
  for (const number of [height, bitrate, temporal])
    if (number !== undefined && !(Number.isSafeInteger(number) && (number as number) >= 0)) return undefined;
  const preference: Preference = {
    ...(rid === undefined ? {} : { rid }),
    ...(height === undefined ? {} : { height: height as number }),
    ...(bitrate === undefined ? {} : { bitrate: bitrate as number }),
    ...(temporal === undefined ? {} : { temporal: temporal as number }),
  };
  return Object.keys(preference).length === 0 ? undefined : preference;
}
