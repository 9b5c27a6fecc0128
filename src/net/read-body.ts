import { fail, ok, type Result } from "../shared/result.ts";
import { after } from "./clock.ts";
import type { HttpProblem } from "./problem.ts";

/** Bytes of a body. The largest offers of browsers have about 20 KB. */
const mostBytes = 65_536;

/** How long a body may take, however it is spread. ms */
const usualTime = 20_000;

/** The body as text, where it has this media type, fits, and comes within so many ms. It is read no further than that. */
export async function readBody(
  request: Request,
  type: string,
  within = usualTime,
): Promise<Result<string, HttpProblem>> {
  const given = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (given !== type)
    return fail({
      ...{ status: 415, code: "unsupported_media_type", headers: accepts(type) },
      detail: `Send a body with Content-Type: ${type}.`,
    });
  const tooLarge = fail({
    status: 413,
    code: "too_large",
    detail: `The body has more than ${mostBytes} bytes.`,
  });
  if (Number(request.headers.get("content-length") ?? 0) > mostBytes) return tooLarge;
  const tooSlow = fail({
    status: 408,
    code: "timeout",
    detail: `The body took more than ${within / 1_000} s.`,
  });
  const reader = request.body?.getReader();
  if (reader === undefined) return ok("");
  const decoder = new TextDecoder();
  let [text, bytes, late] = ["", 0, false];
  // Ends the read that waits, as if the body were over.
  const stop = after(within, () => {
    late = true;
    void reader.cancel().catch(() => {});
  });
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.length;
      if (bytes > mostBytes) {
        void reader.cancel().catch(() => {});
        return tooLarge;
      }
      text += decoder.decode(part.value, { stream: true });
    }
  } catch {
    return late ? tooSlow : fail({ status: 400, code: "bad_request", detail: "The body did not arrive." });
  } finally {
    stop();
  }
  return late ? tooSlow : ok(text + decoder.decode());
}

/** Says which type is wanted (RFC 9725 §4.2, RFC 5789 §3.1). */
function accepts(type: string): Record<string, string> {
  if (type === "application/sdp") return { "Accept-Post": type };
  return type === "application/json" ? {} : { "Accept-Patch": type };
}
