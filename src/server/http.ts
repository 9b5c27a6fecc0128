import { createApp } from "../http/app.ts";
import { packageVersion, pageFolder } from "../package-info.ts";
import { HttpPoll } from "../transports/http-poll.ts";
import { websocketRoute } from "../transports/websocket.ts";
import type { Part } from "./service.ts";

/** The native protocol, over WebSocket and HTTP, and everything that is to be read: the page, health, metrics. It answers every request. */
export const http: Part = {
  start: async ({ settings, core, guard, metrics, health, requestDrain, now }) => {
    const poll = new HttpPoll(guard);
    const shown = { version: packageVersion, core, metrics, metricsToken: settings.metricsToken, health };
    const page = settings.page ? pageFolder : undefined;
    // Development mode serves nobody else than whoever started it.
    const app = createApp({ ...shown, forOperators: settings.dev, pageFolder: page, base: settings.path });
    const admin = createApp({
      ...shown,
      forOperators: true,
      pageFolder: page,
      onlyConsole: true,
      beginDrain: requestDrain,
      kick: (user, device) => core.kick(user, device, now()),
    });
    return {
      routes: [websocketRoute(guard)],
      fetch: (request, client, path) => poll.fetch(request, client, path) ?? app(request),
      fetchAdmin: (request) => admin(request),
      stop: async () => poll.stop(),
    };
  },
};
