import type { MediaFailure } from "../service.ts";

/** A refusal as HTTP tells it. */
export interface HttpProblem {
  readonly status: number;
  /** What is wrong, and what to change. */
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  409: "Conflict",
  412: "Precondition failed",
  413: "Content too large",
  415: "Unsupported media type",
  422: "Unprocessable content",
  503: "Service unavailable",
};

/** The response of a refusal: a problem document (RFC 9457). */
export function problemResponse({ status, detail, headers = {} }: HttpProblem): Response {
  return new Response(`${JSON.stringify({ title: titles[status] ?? "Error", status, detail })}\n`, {
    status,
    headers: { ...headers, "Content-Type": "application/problem+json" },
  });
}

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
