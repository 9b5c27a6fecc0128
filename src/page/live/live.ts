import { canFillScreen, fillScreen } from "./full-screen.ts";
import { layerName, WhepViewer } from "./whep-viewer.ts";

/**
 * `<switchboard-live stream="NAME">`: a stream in any page. Served as /live.js, a script that stands alone and works from other
 * origins. docs/media.md explains the attributes.
 */

/** Where the script came from: the default of the attribute `server`. A script of type module doesn't know its own element. */
const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>('script[src$="/live.js"]');
const home = script === null ? location.origin : new URL(".", script.src).href;

const css = `
:host { display: block; aspect-ratio: 16 / 9; }
:host([hidden]) { display: none; }
.player { position: relative; width: 100%; height: 100%; overflow: hidden; background: #14120e; color: #f4efe4; font: 15px / 1.45 system-ui, sans-serif; }
video { display: block; width: 100%; height: 100%; object-fit: contain; }
.words { position: absolute; inset: 0; display: grid; place-items: center; padding: 16px; text-align: center; background: rgb(20 18 14 / 60%); }
.bar { position: absolute; inset: auto 0 0; display: flex; gap: 8px; padding: 8px; justify-content: flex-end; }
button, select { min-width: 44px; min-height: 44px; padding: 4px 12px; border: 1px solid transparent; border-radius: 8px; background: rgb(20 18 14 / 78%); color: inherit; font: inherit; cursor: pointer; }
button:hover, select:hover { border-color: currentColor; }
:focus-visible { outline: 2px solid #f0b23e; outline-offset: 2px; }
[hidden] { display: none; }
`;

class SwitchboardLive extends HTMLElement {
  static readonly observedAttributes = ["stream", "server", "token", "muted", "controls"];
  readonly #player = element("div", { class: "player" });
  readonly #video = element("video", { autoplay: "", playsinline: "" });
  readonly #words = element("div", { class: "words", role: "status" });
  readonly #bar = element("div", { class: "bar", role: "group", "aria-label": "Player controls" });
  readonly #sound = element("button", { type: "button" });
  readonly #quality = element("select", { "aria-label": "Quality" });
  readonly #full = element("button", { type: "button" });
  #viewer: WhepViewer | undefined;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    // Constructed, so that pages need not allow inline styles.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    this.#full.textContent = "Full screen";
    this.#bar.append(this.#sound, this.#quality, this.#full);
    this.#player.append(this.#video, this.#words, this.#bar);
    root.append(this.#player);
    this.#sound.addEventListener("click", () => {
      this.#video.muted = !this.#video.muted;
      this.#video.play().catch(() => undefined);
    });
    this.#video.addEventListener("volumechange", () => this.#draw());
    this.#quality.addEventListener("change", () => {
      const { value } = this.#quality;
      void this.#viewer?.choose(value === auto ? undefined : value);
    });
    this.#full.addEventListener("click", () => fillScreen(this.#player, this.#video));
  }

  connectedCallback(): void {
    this.#video.muted = this.hasAttribute("muted");
    addEventListener("pagehide", this.#hide);
    addEventListener("pageshow", this.#show);
    this.#restart();
  }

  disconnectedCallback(): void {
    removeEventListener("pagehide", this.#hide);
    removeEventListener("pageshow", this.#show);
    this.#viewer?.stop();
    this.#viewer = undefined;
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.isConnected || before === now) return;
    if (name === "muted") this.#video.muted = now !== null;
    else if (name !== "controls") this.#restart();
    this.#draw();
  }

  readonly #hide = (): void => this.#viewer?.stop();
  readonly #show = (): void => this.#viewer?.start();

  #restart(): void {
    this.#viewer?.stop();
    this.#viewer = undefined;
    const stream = this.getAttribute("stream");
    if (stream) {
      const server = new URL(this.getAttribute("server") ?? home, location.href).href.replace(/\/$/, "");
      const viewer = new WhepViewer({
        endpoint: `${server}/whep/${encodeURIComponent(stream)}`,
        token: this.getAttribute("token") ?? undefined,
        changed: () => this.#viewer === viewer && this.#draw(),
      });
      this.#viewer = viewer;
      viewer.start();
    }
    this.#draw();
  }

  #last = "";

  #draw(): void {
    const viewer = this.#viewer;
    const state = viewer?.state ?? "stopped";
    if (state === "live" && this.#last !== "live") this.#play();
    if (state !== this.#last) {
      this.#last = state;
      // Pages style it by that, and hear of it: switchboard-live[state="waiting"].
      this.setAttribute("state", state);
      this.dispatchEvent(new Event("statechange"));
    }
    const words = state === "refused" ? (viewer?.refusal?.detail ?? "") : texts[state];
    this.#words.textContent = words;
    this.#words.hidden = words === "";
    this.#sound.textContent = this.#video.muted ? "Turn on sound" : "Mute";
    this.#video.setAttribute("aria-label", `Live: ${this.getAttribute("stream") ?? ""}`);
    const controls = this.hasAttribute("controls");
    this.#sound.hidden = !controls && !this.#video.muted;
    this.#full.hidden = !controls || !canFillScreen();
    this.#quality.hidden = !controls || (viewer?.layers.length ?? 0) < 2;
    this.#bar.hidden = state !== "live" && state !== "interrupted";
    this.#drawQualities(viewer);
  }

  #drawQualities(viewer: WhepViewer | undefined): void {
    const wanted = (viewer?.layers ?? []).toReversed().map((layer) => [layer.id, layerName(layer)] as const);
    const key = JSON.stringify(wanted);
    // An open menu must not be redrawn under the pointer.
    if (this.#quality.dataset.layers !== key) {
      this.#quality.dataset.layers = key;
      this.#quality.replaceChildren(
        ...[[auto, "Auto"] as const, ...wanted].map(([id, text]) => new Option(text, id)),
      );
    }
    this.#quality.value = viewer?.layer ?? auto;
  }

  /**
   * With sound if the browser permits that before a click. A video gets its stream no earlier: the page's load event would wait for the
   * first picture.
   */
  #play(): void {
    this.#viewer?.show(this.#video);
    this.#video.play().catch(() => {
      this.#video.muted = true;
      this.#video.play().catch(() => undefined);
    });
  }
}

/** The value of the choice that leaves it to the server; no layer is called so. */
const auto = "*";

const texts: Readonly<Record<Exclude<WhepViewer["state"], "refused">, string>> = {
  connecting: "Connecting…",
  waiting: "Not live yet",
  live: "",
  interrupted: "Reconnecting…",
  stopped: "",
};

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>>,
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

if (customElements.get("switchboard-live") === undefined)
  customElements.define("switchboard-live", SwitchboardLive);
