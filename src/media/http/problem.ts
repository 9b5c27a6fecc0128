import type { HttpProblem } from "../../net/problem.ts";
import type { MediaFailure } from "../service.ts";

/** What the media server's refusal of a request to this stream or session means over HTTP. */
export function mediaProblem(failure: MediaFailure): HttpProblem {
  switch (failure.kind) {
    case "forbidden":
      return { status: 403, detail: "The server's policy does not permit this." };
    case "not-live":
      return { ...later(409, failure.retryAfter), detail: "The stream is not live. Try again later." };
    case "taken":
      return {
        ...later(409, failure.retryAfter),
        detail: "Another publisher is live under this name. Publish under another name, or end that stream.",
      };
    case "full":
      return { ...later(503, failure.retryAfter), detail: "The media server has no room. Try again later." };
    case "unknown":
      return { status: 404, detail: "There is no such session. It has ended, or it never was." };
  }
}

function later(status: number, seconds: number): Pick<HttpProblem, "status" | "headers"> {
  return { status, headers: { "Retry-After": `${Math.max(1, Math.ceil(seconds))}` } };
}
