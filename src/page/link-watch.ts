import type { Client } from "../client/index.ts";
import type { Page } from "./page.ts";

/** The loss of a link that comes back within this time (ms) is not shown. */
const grace = 900;
const lookEvery = 300;

/** Tells the page whether the server is reachable, and which device this is. */
export class LinkWatch {
  readonly #timer: ReturnType<typeof setInterval>;
  /** When the link was last seen to be up. */
  #upAt = Date.now();

  /** `label`: what this device is called as long as no other device online has the same name. */
  constructor(page: Page, client: Client, label: string) {
    const look = () => {
      const now = Date.now();
      if (client.state === "online") this.#upAt = now;
      else if (now - this.#upAt > grace) page.tell({ type: "away", again: client.retryAt });
    };
    this.#timer = setInterval(look, lookEvery);
    client.on("change", () => {
      const { self, state } = client;
      if (state !== "online") return;
      if (self?.device !== undefined && self.device !== page.me.peek()?.device)
        page.me.value = { user: self.user, device: self.device, label };
      this.#upAt = Date.now();
      page.tell({ type: "online" });
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
