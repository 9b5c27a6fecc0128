/** A stream that is played by HLS. */
export interface HlsPlayer {
  /** Behind the newest part, ms. */
  readonly latency: number | undefined;
  readonly codec: string | undefined;
  stop(): void;
}

export type PlayHls = (
  video: HTMLVideoElement,
  options: { readonly url: string; readonly token: string | undefined; lost(): void },
) => HlsPlayer;

/** Loads the player, which is a file of its own: most viewers never need it. `server`: the server's address, without a slash at its end. */
export async function loadHls(server: string): Promise<PlayHls> {
  const place = globalThis as { switchboardHls?: PlayHls };
  if (place.switchboardHls === undefined)
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${server}/hls.js`;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
  if (place.switchboardHls === undefined) throw new Error("the HLS player has not loaded");
  return place.switchboardHls;
}
