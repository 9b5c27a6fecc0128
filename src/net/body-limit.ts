import { problemResponse } from "./problem.ts";

/** A client that has sent its whole body reads the answer afterwards: so many bytes are taken and dropped for that. */
const mostDropped = 16_777_216;

/** The answer, before the body comes, to a request that announces more than `bodyBytes`. Undefined where it announces no more. */
export function refuseLargeBody(
  contentLength: string | null | undefined,
  bodyBytes: number,
): Response | undefined {
  const length = Number(contentLength ?? 0);
  if (!(length > bodyBytes)) return undefined;
  return problemResponse({
    ...{ status: 413, code: "too_large", detail: `A body may have ${bodyBytes} bytes.` },
    ...(length > mostDropped && { headers: { Connection: "close" } }),
  });
}

/** A request whose body, of unknown length, fails once it has more than `bodyBytes`. */
export function withBoundedBody(request: Request, bodyBytes: number): Request {
  if (request.body === null) return request;
  let seen = 0;
  const body = request.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        seen += chunk.length;
        if (seen > bodyBytes) controller.error(new RangeError(`a body may have ${bodyBytes} bytes`));
        else controller.enqueue(chunk);
      },
    }),
  );
  return new Request(request, { body, duplex: "half" } as RequestInit);
}
