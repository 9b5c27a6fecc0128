import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MediaStreams } from "../streams/media-streams.ts";
import { MediaShare } from "./media-share.ts";
import { SharedStreams } from "./shared-streams.ts";

const folder = mkdtempSync(join(tmpdir(), "switchboard-share-"));

test("an answer of bytes comes as it is, no faster than it is read, and ends with its client", async () => {
  const path = join(folder, "share");
  const file = Uint8Array.from({ length: 2_000_000 }, (_, at) => (at * 7919) >>> 3);
  let [sent, cancelled] = [0, false];
  const answer = (request: Request): Response => {
    if (new URL(request.url).pathname === "/file") return new Response(file);
    const endless = new ReadableStream({
      pull(controller) {
        sent += file.length;
        controller.enqueue(file);
      },
      cancel() {
        cancelled = true;
      },
    });
    return new Response(endless);
  };
  const owner = new MediaShare({
    streams: { streams: [] } as unknown as MediaStreams,
    fetch: async (request) => answer(request),
  });
  await owner.listen(path);
  const observer = { changed: () => {}, opened: () => {}, ended: () => {} };
  const guest = new SharedStreams({ path, takesOver: () => false, observer });
  while (!guest.reachable) await new Promise((resolve) => setTimeout(resolve, 1));

  const whole = await guest.forward(new Request("http://localhost/file"), "");
  expect(Buffer.compare(Buffer.from(await whole.arrayBuffer()), file)).toBe(0);

  const endless = await guest.forward(new Request("http://localhost/endless"), "");
  const reader = endless.body?.getReader();
  for (let read = 0; read < 1_000_000; ) read += (await reader?.read())?.value?.length ?? Number.NaN;
  expect(sent).toBeLessThan(4 * file.length);
  await reader?.cancel();
  while (!cancelled) await new Promise((resolve) => setTimeout(resolve, 1));

  guest.stop();
  owner.stop();
  rmSync(folder, { recursive: true, force: true });
});
