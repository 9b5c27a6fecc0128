import type { Browser } from "playwright-core";
import { blankTab, end, eventually, linkedServers, publish, view } from "../support/pages.ts";
import { checkAgreed, checkPage, hasSound, NotHere, patience } from "./outcome.ts";

/** Flags of a browser whose pages play sound without a click. */
export const withSound: readonly string[] = ["--autoplay-policy=no-user-gesture-required"];

export const codecs = ["VP8", "H264", "VP9", "AV1"] as const;
/** The server's DTLS role, as `a=setup` of its answer says. */
export const roles = ["passive", "active"] as const;
/** How packets go: by UDP, by ICE-TCP, or by UDP through the server's own TURN. */
export const ways = ["udp", "tcp", "turn"] as const;

export interface Combination {
  readonly codec: (typeof codecs)[number];
  readonly role: (typeof roles)[number];
  readonly way: (typeof ways)[number];
}

let names = 0;
/** A stream that nobody has used yet. */
export const freshName = (): string => `interop-${++names}`;

/** Waits until the stream can be viewed. */
export async function viewWhenLive(
  page: Parameters<typeof view>[0],
  url: string,
  options?: Parameters<typeof view>[2],
): Promise<void> {
  let status = 0;
  const views = async (): Promise<boolean> => {
    status = await view(page, url, options);
    return status === 201;
  };
  await eventually(views, patience).catch((error: unknown) => {
    throw status === 0 ? error : new Error(`WHEP answered ${status}`);
  });
}

/** One page of the browser publishes, another one of `viewers` views, both in the same way: what is seen and heard is checked. */
export async function pageToPage(
  publishers: Browser,
  viewers: Browser,
  server: string,
  { codec, role, way }: Combination,
): Promise<string> {
  const name = freshName();
  const [publisher, viewer] = [await blankTab(publishers, server), await blankTab(viewers, server)];
  try {
    const mime = `video/${codec}`;
    for (const { page } of [publisher, viewer])
      if (!(await knows(page, mime))) throw new NotHere(`this browser has no ${codec}`);
    // The server has the role that we leave it.
    const setup = role === "passive" ? "active" : "passive";
    const relays = async (path: string, token: string) =>
      way === "turn" ? { relays: await linkedServers(`${server}${path}`, token) } : {};
    const without =
      way === "udp" ? { without: "tcp" as const } : way === "tcp" ? { without: "udp" as const } : {};
    const [whip, whep] = [`/whip/${name}`, `/whep/${name}`];
    const more = { setup, ...without } as const;
    const colors = { picture: "colors", codec: mime, ...(await relays(whip, "dev:alice")) } as const;
    const status = await publish(publisher.page, server + whip, { ...more, ...colors });
    if (status !== 201) throw new Error(`WHIP answered ${status}`);
    await viewWhenLive(viewer.page, server + whep, { ...more, ...(await relays(whep, "dev:victor")) });
    const sound = (await hasSound(publisher.page)) && (await hasSound(viewer.page));
    await checkPage(viewer.page, sound);
    for (const { page } of [publisher, viewer]) await checkAgreed(page, { codec: mime, role, way });
    await end(publisher.page);
    return sound ? "" : "the picture alone is checked: this browser makes no sound without an audio device";
  } finally {
    await Promise.all([publisher, viewer].map(({ page }) => page.context().close()));
  }
}

function knows(page: Parameters<typeof view>[0], mime: string): Promise<boolean> {
  return page.evaluate(
    (mime) =>
      [RTCRtpSender, RTCRtpReceiver].every((one) =>
        one.getCapabilities("video")?.codecs.some(({ mimeType }) => mimeType === mime),
      ),
    mime,
  );
}
