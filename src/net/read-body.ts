import { fail, ok, type Result } from "../shared/result.ts";
import type { HttpProblem } from "./problem.ts";

/** Bytes of a body. The largest offers of browsers have about 20 KB. */
const mostBytes = 65_536;

/** The body as text, where it has this media type and fits. It is read no further than that. */
export async function readBody(request: Request, type: string): Promise<Result<string, HttpProblem>> {
  const given = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (given !== type)
    return fail({ status: 415, detail: `Send a body with Content-Type: ${type}.`, headers: accepts(type) });
  const tooLarge = fail({ status: 413, detail: `The body has more than ${mostBytes} bytes.` });
  if (Number(request.headers.get("content-length") ?? 0) > mostBytes) return tooLarge;
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.length;
      if (bytes > mostBytes) return tooLarge;
      text += decoder.decode(chunk, { stream: true });
    }
  } catch {
    return fail({ status: 400, detail: "The body did not arrive." });
  }
  return ok(text + decoder.decode());
}

/** Says which type is wanted (RFC 9725 §4.2, RFC 5789 §3.1). */
function accepts(type: string): Record<string, string> {
  if (type === "application/sdp") return { "Accept-Post": type };
  return type === "application/json" ? {} : { "Accept-Patch": type };
}
