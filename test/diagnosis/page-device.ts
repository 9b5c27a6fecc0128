import type { Browser, Page } from "playwright-core";
import type * as Sdk from "../../src/client/index.ts";
import { clientPage } from "../browser/support/client-page.ts";

interface Kept {
  client: Sdk.Client;
  media: Sdk.LocalMedia;
  call: Sdk.Call;
  ring: Sdk.IncomingCall;
}

/** A device in a page of its own, with the SDK that the server ships and media that needs no camera. */
export class PageDevice {
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
  }

  static async open(
    browser: Browser,
    url: string,
    token: string,
    id: string,
    media: "audio" | "video" = "audio",
  ): Promise<PageDevice> {
    const context = await browser.newContext({ bypassCSP: true });
    const page = await clientPage(context, url);
    await page.evaluate(
      async ([url, token, id, media]) => {
        const { connect, capture } = (await import(`${url}/client.js`)) as typeof Sdk;
        const kept = globalThis as unknown as Kept;
        const tone = (): MediaStream => {
          const sound = new AudioContext();
          const oscillator = new OscillatorNode(sound);
          const made = sound.createMediaStreamDestination();
          oscillator.connect(made);
          oscillator.start();
          return made.stream;
        };
        const picture = (): MediaStream => {
          const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 120 });
          const paint = canvas.getContext("2d");
          let count = 0;
          // What does not change isn't sent.
          setInterval(() => paint?.fillRect(count++ % 160, count % 120, 4, 4), 66);
          return canvas.captureStream(15);
        };
        kept.media = await capture(media === "audio" ? tone() : picture());
        kept.client = connect({ url, token, device: { id, kind: "browser" } });
        kept.client.on("incoming", (ring) => {
          kept.ring = ring;
        });
        await kept.client.ready;
      },
      [url, token, id, media] as const,
    );
    return new PageDevice(page);
  }

  async call(to: string): Promise<void> {
    await this.#page.evaluate((callee) => {
      const kept = globalThis as unknown as Kept;
      kept.call = kept.client.call(callee, { media: kept.media });
    }, to);
  }

  /** Waits for a ring, and answers. */
  async answer(): Promise<void> {
    await this.#page.waitForFunction(() => (globalThis as unknown as Kept).ring !== undefined);
    await this.#page.evaluate(async () => {
      const kept = globalThis as unknown as Kept;
      kept.call = await kept.ring.accept({ media: kept.media });
    });
  }

  /** Waits until the call is connected. */
  connected(): Promise<unknown> {
    return this.#page.evaluate(() => (globalThis as unknown as Kept).call.connected.then(() => undefined));
  }

  /** Waits until ICE was restarted because of a change, and the connection stands again. */
  async restartedBy(change: () => void): Promise<void> {
    const fragment = () =>
      /a=ice-ufrag:\S+/.exec((globalThis as unknown as Kept).call.pc?.localDescription?.sdp ?? "")?.[0];
    const before = await this.#page.evaluate(fragment);
    change();
    await this.#page.waitForFunction(
      (old) => {
        const { pc } = (globalThis as unknown as Kept).call;
        const now = /a=ice-ufrag:\S+/.exec(pc?.localDescription?.sdp ?? "")?.[0];
        return now !== old && pc?.connectionState === "connected";
      },
      before,
      { timeout: 60_000, polling: 200 },
    );
  }

  /** Waits until the call has ended, or its connection has failed. */
  async failed(patience = 60_000): Promise<void> {
    await this.#page.waitForFunction(
      () => {
        const { call } = globalThis as unknown as Kept;
        return call.state === "ended" || call.pc?.connectionState === "failed";
      },
      undefined,
      { timeout: patience, polling: 200 },
    );
  }

  hangup(): Promise<void> {
    return this.#page.evaluate(() => (globalThis as unknown as Kept).call.hangup());
  }

  async ended(patience = 60_000): Promise<void> {
    await this.#page.waitForFunction(
      () => (globalThis as unknown as Kept).call.state === "ended",
      undefined,
      { timeout: patience, polling: 200 },
    );
  }

  async close(): Promise<void> {
    await this.#page.close();
    await this.#page.context().close();
  }
}
