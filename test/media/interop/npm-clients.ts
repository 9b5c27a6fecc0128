import type { Page } from "playwright-core";
import { installPeers } from "../../support/peers.ts";
import { makeColors } from "../support/pages.ts";

/** A client of npm that runs in a page: code that sets `globalThis.start(url, token)`. */
export interface NpmClient {
  readonly name: string;
  readonly mode: "publish" | "view";
  readonly code: string;
}

export const npmClients: readonly NpmClient[] = [
  {
    name: "whip-whep",
    mode: "publish",
    code: `
      import { WHIPClient } from "whip-whep/whip.js";
      globalThis.start = async (url, token) => {
        const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
        for (const track of colors.getTracks()) connection.addTransceiver(track, { direction: "sendonly" });
        globalThis.client = new WHIPClient();
        await client.publish(connection, url, token);
      };`,
  },
  {
    name: "whip-whep",
    mode: "view",
    code: `
      import { WHEPClient } from "whip-whep/whep.js";
      globalThis.start = async (url, token) => {
        const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
        for (const kind of ["audio", "video"]) connection.addTransceiver(kind, { direction: "recvonly" });
        connection.ontrack = ({ streams: [stream] }) => {
          document.querySelector("video").srcObject = stream;
        };
        globalThis.client = new WHEPClient();
        await client.view(connection, url, token);
      };`,
  },
  {
    name: "@eyevinn/whip-web-client",
    mode: "publish",
    code: `
      import { WHIPClient } from "@eyevinn/whip-web-client";
      globalThis.start = async (url, token) => {
        globalThis.client = new WHIPClient({ endpoint: url, opts: { authkey: token } });
        await client.setIceServersFromEndpoint();
        await client.ingest(colors);
      };`,
  },
  {
    name: "@eyevinn/webrtc-player",
    mode: "view",
    code: `
      import { WebRTCPlayer } from "@eyevinn/webrtc-player";
      globalThis.start = async (url) => {
        globalThis.client = new WebRTCPlayer({ video: document.querySelector("video"), type: "whep" });
        await client.load(new URL(url));
      };`,
  },
];

/** Loads the client into the page and starts it. */
export async function startClient(
  page: Page,
  { mode, code }: NpmClient,
  url: string,
  token: string,
): Promise<void> {
  const folder = installPeers();
  const entry = `${folder}interop-entry-${crypto.randomUUID()}.js`;
  const { outputs } = await Bun.build({
    entrypoints: [entry],
    files: { [entry]: code },
    target: "browser",
    format: "iife",
  });
  await page.evaluate((await outputs[0]?.text()) ?? "");
  if (mode === "publish") await makeColors(page);
  await page.evaluate(
    ({ url, token }) => {
      const { start } = globalThis as unknown as { start: (url: string, token: string) => Promise<void> };
      return start(url, token);
    },
    { url, token },
  );
}
